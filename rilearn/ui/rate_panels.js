// The dialog over the card, and the forms.

async function panel(name) {
  const dialog = $(".rl-panel"), kept = $(`template[data-panel="${name}"]`);
  if (!dialog || (name === "skip" && !top())) return;
  try {
    const found = kept ? { html: kept.innerHTML } : await call(name, name === "mine" ? { before: null } : {});
    older = found.more;
    dialog.innerHTML = found.html;
    dialog.dataset.name = name;
    if ($('[data-do="more"]', dialog)) $('[data-do="more"]', dialog).hidden = !older;
    if (!dialog.open) dialog.showModal();
    if (name === "fill") watch();
  } catch (error) {
    alarm(error);
  }
}

// What a form says, with the types its fields declare; a file as its name and its text.
async function read(form) {
  const fields = {};
  for (const field of form.elements) {
    const { name, value, dataset } = field;
    if (!name || field.type === "submit") continue;
    if (field.type === "file") Object.assign(fields, await fileText(field));
    else if (field.type === "checkbox") fields[name] = field.checked;
    else if (field.type === "number" || "number" in dataset) fields[name] = Number(value);
    else fields[name] = "flag" in dataset ? value === "true" : value;
  }
  return fields;
}

async function fileText(field) {
  const file = field.files[0], most = Number(field.dataset.most);
  if (file.size > most * 1e6) throw new Error(`'${file.name}' has ${(file.size / 1e6).toFixed(1)} MB, the limit is ${most} MB. Split it.`);
  try {
    return { name: file.name, text: new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer()) };
  } catch {
    throw new Error(`'${file.name}' cannot be read as UTF-8 text. Save it as UTF-8, and choose it again.`);
  }
}

async function submit(form, button) {
  const kind = form.dataset.form, root = $(".rl-panel")?.open ? $(".rl-panel") : box, buttons = all("button", form);
  say(".rl-alert", "", root);
  say(".rl-told", "", root);
  for (const one of buttons) one.disabled = true;
  try {
    const body = await read(form);
    if (kind === "join") body.invitation = secret();
    if (kind.startsWith("fill-")) body.dry_run = "dry" in (button?.dataset || {});
    if (button?.name) body[button.name] = button.value;
    if ("once" in form.dataset) body.token = tokenOf(form.dataset, JSON.stringify(body));
    const answer = await call(kind, body);
    if (kind === "sign-in" || kind === "join") {
      if (kind === "join") history.replaceState(null, "", location.pathname + location.search);
      return mount();
    }
    if (answer.html) root.innerHTML = answer.html;
    if (answer.secret) {
      const link = new URL(location.pathname + "?tab=rate", location.origin);
      link.hash = "invite=" + answer.secret;
      say(".rl-link", link.href, root);
    }
    const result = $(".rl-result", form);
    if (result) result.innerHTML = answer.result || "";
    if (answer.state !== undefined) {
      $(".rl-fill-state").innerHTML = answer.state;
      $(".rl-fill-state").scrollIntoView({ block: "center" });
      watch();
    }
    say(".rl-told", answer.said || (answer.secret ? "Here is the link. It is shown once: copy it now." : ""), root);
    if ((kind === "fill-file" && !body.dry_run) || kind === "decide-flag") newCards();
  } catch (error) {
    say(".rl-alert", error.message, root);
    $(".rl-alert", root)?.scrollIntoView({ block: "nearest" });
  } finally {
    for (const one of buttons) one.disabled = false;
  }
}

// There may be cards now where there were none.
function newCards() {
  count();
  dry = false;
  refill();
}

// How far the generator is, while its panel is open.
async function watch() {
  if (watching) return;
  watching = true;
  try {
    for (let before = !!$('[data-do="fill-cancel"]'); ;) {
      const dialog = $(".rl-panel");
      if (!dialog?.open || dialog.dataset.name !== "fill") return;
      const { state, running } = await call("fill-state");
      if ($(".rl-fill-state")) $(".rl-fill-state").innerHTML = state;
      if (before && !running) newCards();
      if (!running) return;
      before = running;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  } catch (error) {
    alarm(error);
  } finally {
    watching = false;
  }
}
