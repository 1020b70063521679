// The cards: fetched ahead under a lease; a save runs behind the next card and brings its card back when it fails, so
// that nothing entered is lost.

const EMPTY = { overall: null, criteria: {}, thumbs: [], spans: [], comment: "", label_wrong: false, right_label: null, edit: null };
const laid = (card) => ({ ...card, content: { ...structuredClone(EMPTY), ...card.content }, touched: false, shown: 0, spent: 0 });

async function refill() {
  if (fetching || dry || me === null) return;
  fetching = true;
  try {
    while (cards.filter((card) => card.lease).length < AHEAD) {
      const have = [...cards.map((card) => card.id), ...flying];
      const wanted = wish;
      const { card } = await call("next", { token: token(), have, blind: wanted });
      if (!card) { dry = true; break; }
      if (wanted !== wish) {  // changed while it came
        await call("release", { tokens: [card.lease] });
        continue;
      }
      if (cards.some((other) => other.id === card.id)) break;
      cards.push(laid(card));
      if (cards.length === 1) show();
    }
    if (!cards.length) show();
  } catch (error) {
    alarm(error);
    if (!cards.length && $(".rl-stage")) $(".rl-stage").innerHTML = '<button type="button" class="rl-main" data-do="look">Try again</button>';
  } finally {
    fetching = false;
  }
}

function show() {
  const stage = $(".rl-stage"), card = top();
  if (!stage) return;
  [sentence, cursor, selected] = [-1, null, null];
  if (!card) {
    stage.innerHTML = dry ? $('[data-panel="nothing"]').innerHTML : '<p class="rl-muted">The next item is coming …</p>';
    return;
  }
  stage.innerHTML = card.html;
  card.shown = performance.now();
  paint();
  const at = document.activeElement;
  if (at === document.body || box.contains(at)) $(".rl-rate-card").focus({ preventScroll: true });
}

function touched() {
  const card = top();
  card.touched = true;
  clearTimeout(draftTimer);
  draftTimer = setTimeout(() => saveDraft(card), DRAFT);
}
const queued = (work) => (sending = sending.then(work, work));  // what one page sends arrives in its order
const saveDraft = (card) => {
  clearTimeout(draftTimer);
  return queued(() => call("draft", { reasoning_id: card.id, content: card.content })).catch(alarm);
};

const seconds = (card) => Math.min(3600, (card.spent + (card.shown ? performance.now() - card.shown : 0)) / 1000);

// A card goes off and the next one is there at once; when it cannot be saved it comes back as it was.
function send(action, body) {
  const card = cards.shift();
  clearTimeout(draftTimer);
  const said = JSON.stringify([action, { ...body, seconds: 0 }]);
  body = { reasoning_id: card.id, token: tokenOf(card, said), ...body };
  card.spent = seconds(card) * 1000;
  card.shown = 0;
  flying.add(card.id);
  alarm(null);
  show();
  // keepalive: it arrives although the page closes; browsers allow that for 64 kB.
  queued(() => call(action, body, { keepalive: said.length < 20_000 })).then((answer) => {
    if (answer.feedback) tell(answer.feedback.said);
    count();
  }, (error) => {
    cards.unshift(card);
    show();
    alarm(error);
  }).finally(() => {
    flying.delete(card.id);
    refill();
  });
}

async function undo() {
  alarm(null);
  try {
    const { card, said } = await queued(() => call("undo", { token: token() }));
    if (!card) return tell(said);
    pause();
    cards = [laid(card), ...cards.filter((other) => other.id !== card.id)];
    dry = false;
    show();
    count();
    tell(said);
  } catch (error) {
    alarm(error);
  }
}

function pause() {
  const card = top();
  if (!card) return;
  card.spent = seconds(card) * 1000;
  card.shown = 0;
  if (card.touched) saveDraft(card);
}

async function replace(action, body) {
  try {
    const { card } = await call(action, { reasoning_id: top().id, ...body });
    cards[0] = { ...laid(card), lease: top().lease, spent: seconds(top()) * 1000 };
    show();
  } catch (error) {
    alarm(error);
  }
}

async function setWish() {
  wish = !wish;
  press($('[data-do="blind"]'), wish);
  if (top()?.blind && !wish) replace("reveal", {});
  // What was fetched ahead and not seen is fetched anew, as wished.
  const unseen = cards.splice(1).filter((card) => card.lease && !card.touched);
  if (unseen.length) await call("release", { tokens: unseen.map((card) => card.lease) }).catch(() => null);
  dry = false;
  refill();
}
