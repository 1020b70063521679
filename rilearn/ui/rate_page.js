// The page's life: signing in and out, leases kept alive and given back, the tab's content that Gradio puts into the
// page.

async function mount() {
  let state;
  try {
    state = await call("state");
  } catch (error) {
    box.innerHTML = '<div class="rl-rating"><p class="rl-alert" role="alert"></p><button type="button" class="rl-main" data-do="retry">Try again</button></div>';
    $(".rl-alert").textContent = error.message;
    return;
  }
  if (me !== null && state.me !== me) cards = [];  // somebody else signed in: these were not theirs
  const again = state.me !== null && state.me === me && cards.length;
  me = state.me;
  box.innerHTML = state.html;
  if (me === null) return invited();
  wish ??= state.blind;
  press($('[data-do="blind"]'), wish);
  count();
  if (again) return show();
  cards = [];
  dry = false;
  refill();
}

function invited() {
  const join = $('[data-form="join"]');
  if (secret() && join) join.hidden = false;
}
const secret = () => new URLSearchParams(location.hash.slice(1)).get("invite") || "";

// The session ended under an open card: the forms come, the cards stay in memory for who signs in again.
async function signIn() {
  const state = await call("state").catch(() => null);
  if (!state || state.me !== null) return;
  box.innerHTML = state.html;
  say(".rl-alert", "Your sign-in has ended. Sign in again: what you entered is still here.");
}

async function signOut(action) {
  leave();
  await call(action).catch(alarm);
  [me, wish, cards] = [null, null, []];
  mount();
}

async function count() {
  const day = await call("progress", { minutes: new Date().getTimezoneOffset() }).catch(() => null);
  const line = $(".rl-rate-progress");
  if (day && line) line.innerHTML = day.html;
  if (day && $(".rl-flagged")) $(".rl-flagged").innerHTML = day.flagged;
}

setInterval(async () => {
  const tokens = cards.map((card) => card.lease).filter(Boolean);
  if (me === null || !tokens.length || document.hidden) return;
  const { held } = await call("keep", { tokens }).catch(() => ({ held: tokens }));
  // What is over and untouched may be another's now; the open card stays, its rating is taken all the same.
  cards = cards.filter((card, n) => n === 0 || card.touched || !card.lease || held.includes(card.lease));
  refill();
}, HEARTBEAT);

// Begun cards are kept under their lease for a while: a reload brings them back.
function leave() {
  if (me === null) return;
  const card = top();
  if (card?.touched) call("draft", { reasoning_id: card.id, content: card.content }, { keepalive: true }).catch(() => null);
  const tokens = cards.filter((one) => one.lease && !one.touched).map((one) => one.lease);
  if (tokens.length) call("release", { tokens }, { keepalive: true }).catch(() => null);
}
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => {
  if (event.persisted && me !== null) { cards = cards.filter((card) => card.touched); dry = false; show(); refill(); }
});

// Gradio puts the tab's content into the page when the tab is opened, and may put it there anew.
function look() {
  const found = document.querySelector(".rl-rate-box");
  if (!found || found.childElementCount || mounting) return;
  box = found;
  mounting = true;
  mount().finally(() => {
    mounting = false;
    look();  // it may have been put anew meanwhile
  });
}
new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
