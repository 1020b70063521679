// What can be done on a card and around it, by a button or a key.

const toggle = (object, name, value) => (object[name] = object[name] === value ? null : value);

const can = {
  verdict: (d) => send("rate", { verdict: d.value, content: top().content, guideline: top().guideline, seconds: seconds(top()) }),
  skip: (d) => {
    const why = $(".rl-why").value.trim();
    $(".rl-panel").close();
    send("skip", { kind: d.value, reason: [d.reason, why].filter(Boolean).join(": ") });
  },
  overall: (d) => toggle(top().content, "overall", Number(d.value)),
  criterion: (d) => {
    const { criteria } = top().content, value = d.value === "true";
    if (criteria[d.name] === value) delete criteria[d.name]; else criteria[d.name] = value;
  },
  thumb: (d) => {
    const { thumbs } = top().content, count = all(".rl-sentence").length;
    top().content.thumbs = Array.from({ length: count }, (_, n) => (n === Number(d.n) ? (thumbs[n] === Number(d.value) ? 0 : Number(d.value)) : thumbs[n] || 0));
  },
  wrong: () => {
    const { content } = top();
    content.label_wrong = !content.label_wrong;
    content.right_label = null;
  },
  right: (d) => toggle(top().content, "right_label", d.value),
  edit: () => {
    const { content } = top();
    content.edit = content.edit === null ? top().reasoning : null;
    paint();
    if (content.edit !== null) $('[data-field="edit"]').focus();
  },
  mark: () => mark(),
  unmark: (d) => top().content.spans.splice(Number(d.n), 1),
};
const other = {
  guess: (d) => replace("guess", { label: d.value }),
  reveal: () => replace("reveal", {}),
  panel: (d) => panel(d.value),
  close: () => $(".rl-panel").close(),
  undo: () => undo(),
  blind: () => setWish(),
  retry: () => mount(),
  look: () => { dry = false; alarm(null); show(); refill(); },
  "sign-out": () => signOut("sign-out"),
  "sign-out-everywhere": () => signOut("sign-out-everywhere"),
  "fill-cancel": () => call("fill-cancel").catch(alarm),
  open: async (d) => {
    try {
      const { card } = await call("open", { reasoning_id: Number(d.id) });
      pause();
      cards = [{ ...laid(card), lease: "" }, ...cards.filter((one) => one.id !== card.id)];
      $(".rl-panel").close();
      show();
    } catch (error) {
      alarm(error);
    }
  },
  more: async () => {
    const found = await call("mine", { before: older }).catch(alarm);
    if (!found) return;
    older = found.more;
    $(".rl-mine").insertAdjacentHTML("beforeend", found.html);
    $('[data-do="more"]').hidden = !older;
  },
};

function act(name, data) {
  if (other[name]) return other[name](data);
  if (!can[name] || !top() || (top().blind && name !== "skip")) return;
  can[name](data);
  if (name === "verdict" || name === "skip") return;
  paint();
  if (name !== "mark" || !cursor) touched();
}

// Marks the selected words, or those under the cursor; on words that are marked it takes the mark away.
function mark() {
  const words = all(".rl-w"), { spans } = top().content;
  const range = selected || cursor;
  if (!range) {
    if (words.length) cursor = [0, 0];
    return;
  }
  const start = Number(words[Math.min(...range)].dataset.start), end = Number(words[Math.max(...range)].dataset.end);
  const kept = spans.filter((span) => span.end <= start || span.start >= end);
  if (kept.length === spans.length) kept.push({ start, end, note: "" });
  top().content.spans = kept.sort((a, b) => a.start - b.start);
  [cursor, selected] = [null, null];
  getSelection()?.removeAllRanges();
}

document.addEventListener("selectionchange", () => {
  const range = getSelection();
  if (!box || !range.rangeCount || range.isCollapsed) return;
  const hit = all(".rl-w").flatMap((word, n) => (range.containsNode(word, true) ? [n] : []));
  selected = hit.length ? [hit[0], hit.at(-1)] : null;
});
document.addEventListener("pointerdown", (event) => {
  if (event.target.closest?.('.rl-rate-box [data-do="mark"]')) event.preventDefault();  // keeps the selection
  else if (box?.contains(event.target)) selected = null;
});

const ours = (event) => box?.isConnected && box.checkVisibility() && (box.contains(event.target) || event.type === "keydown");
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-do]");
  if (button && ours(event) && box.contains(button)) act(button.dataset.do, button.dataset);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest?.("[data-form]");
  if (!form || !box?.contains(form)) return;
  event.preventDefault();
  submit(form, event.submitter);
});
document.addEventListener("input", (event) => {
  if (!box?.contains(event.target) || !top()) return;
  const { field, mark: at } = event.target.dataset;
  if (field) top().content[field] = event.target.value;
  else if (at) top().content.spans[at].note = event.target.value;
  else return;
  if (field === "edit") compare();
  touched();
});
