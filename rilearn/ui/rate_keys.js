// The keyboard: everything can be done with it.

const CRITERION = { a: "about_text", s: "leads_to_label", d: "true_and_clear" };
const keys = {
  g: () => act("verdict", { value: "good" }),
  p: () => act("verdict", { value: "poor" }),
  j: () => step(1),
  k: () => step(-1),
  "+": () => sentence >= 0 && act("thumb", { n: sentence, value: 1 }),
  "-": () => sentence >= 0 && act("thumb", { n: sentence, value: -1 }),
  m: () => act("mark", {}),
  e: () => act("edit", {}),
  c: () => $('[data-field="comment"]')?.focus(),
  l: () => { act("wrong", {}); $(".rl-rate-others:not([hidden]) button")?.focus(); },
  x: () => panel("skip"),
  z: () => undo(),
  h: () => panel("mine"),
  i: () => panel("guidelines"),
  b: () => setWish(),
  "?": () => panel("keys"),
  Escape: () => { cursor = null; if (top()) paintWords(); },
};

function step(by) {
  const count = all(".rl-sentence").length;
  if (!count || top()?.blind) return;
  sentence = Math.max(0, Math.min(count - 1, sentence + by));
  paintWords();
}

function move(by, widen) {
  const last = all(".rl-w").length - 1, to = Math.max(0, Math.min(last, cursor[1] + by));
  cursor = [widen ? cursor[0] : to, to];
  paintWords();
  all(".rl-w")[to].scrollIntoView({ block: "nearest" });
}

// Yes, no, none.
function cycle(name) {
  const now = top()?.content.criteria[name];
  act("criterion", { name, value: now === undefined ? "true" : "false" });
}

document.addEventListener("keydown", (event) => {
  if (!ours(event) || me === null || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.matches?.("input, textarea, select, [contenteditable]");
  if (typing) {
    if (event.key === "Escape" && !$(".rl-panel")?.open) event.target.blur();
    return;
  }
  if (event.repeat && !event.key.startsWith("Arrow")) return;
  const dialog = $(".rl-panel");
  if (dialog?.open) {
    if (dialog.dataset.name === "skip") all('[data-do="skip"]', dialog)[event.key - 1]?.click();
    return;
  }
  if (cursor && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
    event.preventDefault();
    return move(event.key === "ArrowRight" ? 1 : -1, event.shiftKey);
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const digit = /^[1-9]$/.test(key) ? Number(key) : 0;
  const known = keys[key] || CRITERION[key] || digit;
  if (!known) return;
  if (event.key !== "Escape") event.preventDefault();
  if (digit && top()?.blind) all('[data-do="guess"]')[digit - 1]?.click();
  else if (digit) digit <= 5 && act("overall", { value: digit });
  else if (CRITERION[key]) top() && !top().blind && cycle(CRITERION[key]);
  else keys[key]();
});
