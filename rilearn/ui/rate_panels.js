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
  } catch (error) {
    alarm(error);
  }
}

async function submit(form) {
  const fields = Object.fromEntries(new FormData(form)), kind = form.dataset.form;
  const number = (name) => Number(fields[name]);
  const body = {
    "sign-in": () => fields,
    join: () => ({ ...fields, invitation: secret() }),
    "save-guidelines": () => ({ text: fields.text.replaceAll("\r\n", "\n"), base: form.dataset.base }),
    "save-options": () => ({ blind: "blind" in fields, feedback: "feedback" in fields, calibration: number("calibration"), order: fields.order }),
    invite: () => ({ role: fields.role, uses: number("uses"), days: number("days") }),
  }[kind]();
  const root = $(".rl-panel")?.open ? $(".rl-panel") : box;
  try {
    say(".rl-alert", "", root);
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
    say(".rl-told", answer.said || "Here is the link. It is shown once: copy it now.", root);
  } catch (error) {
    say(".rl-alert", error.message, root);
  }
}
