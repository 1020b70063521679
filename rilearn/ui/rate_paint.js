// Shows on the card, which the server renders, what is entered on it.

function press(button, on) {
  button?.setAttribute("aria-pressed", on ? "true" : "false");
}

function paint() {
  const card = top(), given = card?.content;
  if (!card || card.blind) return;
  const on = {
    overall: (d) => given.overall === Number(d.value),
    criterion: (d) => String(given.criteria[d.name]) === d.value,
    thumb: (d) => given.thumbs[d.n] === Number(d.value),
    wrong: () => given.label_wrong,
    right: (d) => given.right_label === d.value,
    edit: () => given.edit !== null,
  };
  for (const button of all(".rl-rate-card [data-do]")) {
    if (on[button.dataset.do]) press(button, on[button.dataset.do](button.dataset));
  }
  for (const field of all("textarea[data-field]")) {
    if (field !== document.activeElement) field.value = given[field.dataset.field] ?? "";
  }
  $(".rl-rate-others").hidden = !given.label_wrong;
  $(".rl-edit").hidden = given.edit === null;
  if (given.edit !== null) compare();
  for (const button of all('[data-do="verdict"]')) button.classList.toggle("is-before", button.dataset.value === card.verdict);
  paintWords();
  marks();
}

function paintWords() {
  const words = all(".rl-w"), spans = top().content.spans;
  const [from, to] = cursor ? [Math.min(...cursor), Math.max(...cursor)] : [1, 0];
  words.forEach((word, n) => {
    const start = Number(word.dataset.start), end = Number(word.dataset.end);
    word.classList.toggle("is-marked", spans.some((span) => start < span.end && end > span.start));
    word.classList.toggle("is-cursor", n >= from && n <= to);
  });
  all(".rl-sentence").forEach((line, n) => line.classList.toggle("is-current", n === sentence));
  say(".rl-hint", cursor ? "Arrows choose, Shift widens, m marks, Esc ends." : "");
  if ($(".rl-hint")) $(".rl-hint").hidden = false;
}

// The marked words as a list, each with a note; offsets come from the server, in its characters.
function marks() {
  const list = $(".rl-marks");
  list.replaceChildren(...top().content.spans.map((span, n) => {
    const line = document.createElement("li"), words = document.createElement("mark"), note = document.createElement("input");
    const away = document.createElement("button");
    words.textContent = all(".rl-w").filter((w) => w.dataset.start < span.end && w.dataset.end > span.start).map((w) => w.textContent).join(" ");
    Object.assign(note, { value: span.note, placeholder: "what is wrong (optional)", maxLength: 500 });
    note.setAttribute("aria-label", "What is wrong here");
    note.dataset.mark = n;
    Object.assign(away, { type: "button", className: "rl-plain", textContent: "✕" });
    away.dataset.do = "unmark";
    away.dataset.n = n;
    away.setAttribute("aria-label", "Remove the mark");
    line.append(words, note, away);
    return line;
  }));
}

function compare() {
  clearTimeout(diffTimer);
  diffTimer = setTimeout(async () => {
    const card = top();
    if (!card || card.content.edit === null) return;
    const found = await call("diff", { reasoning_id: card.id, text: card.content.edit }).catch(() => null);
    if (found && top() === card && $(".rl-diff-box")) $(".rl-diff-box").innerHTML = found.html;
  }, 250);
}
