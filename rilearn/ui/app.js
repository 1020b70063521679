// Small things the page does without asking the server: character count, example buttons, text direction, the link
// to a filled-in comparison, sorting and filtering the table of a batch.

// The same markup as render.counter; counts characters as Python does, not UTF-16 units.
window.rilearnCount = (text, limit) => {
  const count = [...(text || "")].length;
  const over = count > limit ? " is-over" : "";
  return `<p class="rl-counter${over}">${count.toLocaleString("en")} / ${limit.toLocaleString("en")} characters</p>`;
};

document.addEventListener("click", (event) => {
  const example = event.target.closest(".rl-example");
  const panel = example?.closest('[role="tabpanel"]');
  const box = panel?.querySelector(".rl-input textarea");
  const go = panel?.querySelector("#rl-go, #rl-compare-go, #rl-vote-go");
  if (!example || !box || !go || go.disabled) return;
  // Gradio hears of a new value only through the native setter and an input event.
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, example.textContent);
  box.dispatchEvent(new Event("input", { bubbles: true }));
  setTimeout(() => go.click(), 60);
});

// Right-to-left text reads from the right as soon as it is typed; Gradio has no setting for "auto".
document.addEventListener("focusin", (event) => {
  if (event.target.matches(".rl-input textarea")) event.target.dir = "auto";
});

// Copies the address of this comparison, filled in but not run; where copying is not allowed the address is shown.
window.rilearnLink = async (text, models, label) => {
  const url = new URL(location.pathname, location.origin);
  const fields = { tab: "compare", text: text || "", models: (models || []).join(","), label: label || "" };
  for (const [name, value] of Object.entries(fields)) if (value) url.searchParams.set(name, value);
  const said = await (async () => navigator.clipboard.writeText(url.href))().then(() => "The link is copied.", () => url.href);
  const note = document.createElement("p");
  note.className = "rl-copied";
  note.setAttribute("role", "status");
  note.textContent = said;
  return note.outerHTML;
};

// The columns' values stand in data-key; numbers sort as numbers, everything else as words.
document.addEventListener("click", (event) => {
  const head = event.target.closest(".rl-sort")?.closest("th");
  if (!head) return;
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentElement.children) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = head.closest("table").tBodies[0];
  const words = new Intl.Collator(undefined, { numeric: true });
  const key = (row) => row.cells[head.cellIndex].dataset.key;
  const rows = [...body.rows].sort((a, b) => words.compare(key(a), key(b)) * (down ? -1 : 1));
  body.append(...rows);
});

document.addEventListener("change", (event) => {
  if (!event.target.matches(".rl-show")) return;
  const wanted = event.target.value;
  for (const row of event.target.closest(".rl-many").querySelectorAll("tbody tr")) {
    row.hidden = !row.dataset.show.split(" ").includes(wanted);
  }
});
