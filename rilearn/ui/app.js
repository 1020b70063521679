// Small things the page does without asking the server: character count, example buttons, text direction.

// The same markup as render.counter; counts characters as Python does, not UTF-16 units.
window.rilearnCount = (text, limit) => {
  const count = [...(text || "")].length;
  const over = count > limit ? " is-over" : "";
  return `<p class="rl-counter${over}">${count.toLocaleString("en")} / ${limit.toLocaleString("en")} characters</p>`;
};

document.addEventListener("click", (event) => {
  const example = event.target.closest(".rl-example");
  const box = document.querySelector("#rl-text textarea");
  const go = document.querySelector("#rl-go");
  if (!example || !box || !go || go.disabled) return;
  // Gradio hears of a new value only through the native setter and an input event.
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, example.textContent);
  box.dispatchEvent(new Event("input", { bubbles: true }));
  setTimeout(() => go.click(), 60);
});

// Right-to-left text reads from the right as soon as it is typed; Gradio has no setting for "auto".
document.addEventListener("focusin", (event) => {
  if (event.target.matches("#rl-text textarea")) event.target.dir = "auto";
});
