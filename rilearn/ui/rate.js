// The Rate tab: shows the card that the server renders, paints what is entered on it, sends it. Who the annotator is,
// is the server's to know (an HttpOnly cookie). Cards are fetched ahead under a lease; a save runs behind the next card
// and brings its card back when it fails, so that nothing entered is lost.
(() => {
  const AHEAD = 2, HEARTBEAT = 60_000, DRAFT = 500;
  const LOST = "The server does not answer. What you entered stays on this page: try again in a moment.";
  let box = null, me = null, wish = null, cards = [], dry = false, fetching = false, sending = Promise.resolve();
  let draftTimer = 0, diffTimer = 0, older = null, mounting = false, sentence = -1, cursor = null, selected = null, told = 0;

  const flying = new Set();  // items whose rating or skip is on its way

  const $ = (selector, root = box) => root?.querySelector(selector);
  const all = (selector, root = box) => [...(root?.querySelectorAll(selector) || [])];
  const token = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
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

  // --- signing in, and the frame --------------------------------------------------------------------------------
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

  async function count() {
    const day = await call("progress", { minutes: new Date().getTimezoneOffset() }).catch(() => null);
    const line = $(".rl-rate-progress");
    if (day && line) line.innerHTML = day.html;
  }

  // --- cards ------------------------------------------------------------------------------------------------------
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

  function compare() {
    clearTimeout(diffTimer);
    diffTimer = setTimeout(async () => {
      const card = top();
      if (!card || card.content.edit === null) return;
      const found = await call("diff", { reasoning_id: card.id, text: card.content.edit }).catch(() => null);
      if (found && top() === card && $(".rl-diff-box")) $(".rl-diff-box").innerHTML = found.html;
    }, 250);
  }

  const seconds = (card) => Math.min(3600, (card.spent + (card.shown ? performance.now() - card.shown : 0)) / 1000);

  // A card goes off and the next one is there at once; when it cannot be saved it comes back as it was.
  function send(action, body) {
    const card = cards.shift();
    clearTimeout(draftTimer);
    const said = JSON.stringify([action, { ...body, seconds: 0 }]);
    if (card.said !== said) card.token = token();  // the same content again is the same request
    card.said = said;
    body = { reasoning_id: card.id, token: card.token, ...body };
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
      const { card } = await queued(() => call("undo", { token: token() }));
      if (!card) return tell("There is nothing (more) to undo. The last ten can be undone.");
      pause();
      cards = [laid(card), ...cards.filter((other) => other.id !== card.id)];
      dry = false;
      show();
      count();
      tell("Taken back. Change it and send it again.");
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

  // --- panels -----------------------------------------------------------------------------------------------------
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

  // --- what can be done ---------------------------------------------------------------------------------------------
  const toggle = (object, name, value) => (object[name] = object[name] === value ? null : value);

  const can = {
    verdict: (d) => send("rate", { verdict: d.value, content: top().content, guideline: top().guideline, seconds: seconds(top()) }),
    skip: (d) => {
      const why = $(".rl-why").value.trim();
      $(".rl-panel").close();
      send("skip", { kind: d.value, reason: why ? `${d.reason}: ${why}` : d.reason });
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
    "sign-out": async () => {
      leave();
      await call("sign-out").catch(alarm);
      [me, wish, cards] = [null, null, []];
      mount();
    },
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
    submit(form);
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

  // --- keys ---------------------------------------------------------------------------------------------------------
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

  // --- leases ---------------------------------------------------------------------------------------------------------
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
})();
