// The Rate tab's script is the files rate_*.js one after another in one scope (see build.py). This one: what the page
// knows, and how it asks the server and tells the annotator. Who the annotator is, is the server's to know (an HttpOnly
// cookie).

const AHEAD = 2, HEARTBEAT = 60_000, DRAFT = 500;
const LOST = "The server does not answer. What you entered stays on this page: try again in a moment.";
let box = null, me = null, wish = null, cards = [], dry = false, fetching = false, sending = Promise.resolve();
let draftTimer = 0, diffTimer = 0, older = null, mounting = false, watching = false, sentence = -1, cursor = null, selected = null, told = 0;

const flying = new Set();  // items whose rating or skip is on its way

const $ = (selector, root = box) => root?.querySelector(selector);
const all = (selector, root = box) => [...(root?.querySelectorAll(selector) || [])];
const token = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
// Of what `holder` sends: the same content again is the same request.
const tokenOf = (holder, said) => {
  if (holder.said !== said) Object.assign(holder, { said, token: token() });
  return holder.token;
};
const top = () => cards[0];

async function call(action, body = {}, options = {}) {
  const url = location.origin + location.pathname.replace(/\/?$/, "/") + "rate/" + action;
  const headers = { "content-type": "application/json" };
  let answer, data;
  try {
    answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), ...options });
    data = await answer.json();
  } catch {
    throw Object.assign(new Error(LOST), { status: answer?.status || 0 });
  }
  if (!answer.ok) throw Object.assign(new Error(data.error || LOST), { status: answer.status });
  return data;
}

function say(selector, words, root = box) {
  const line = $(selector, root);
  if (!line) return;
  line.textContent = words || "";
  line.hidden = !words;
}
const alarm = (error) => {
  const panel = $(".rl-panel");
  say(".rl-alert", error?.message || "", panel?.open ? panel : box);
  if (error?.status === 401 && me) signIn();
};
const tell = (words) => {
  say(":scope > section > .rl-told", words);
  clearTimeout(told);
  told = setTimeout(() => say(":scope > section > .rl-told", ""), 8000);
};
