(function () {
  "use strict";
  const EVERY = 1000; // milliseconds between two questions to the server
  const PLAY = 2200; // milliseconds for reading a sentence
  const $ = (selector, root) => (root || document).querySelector(selector);
  const all = (selector, root) => [...(root || document).querySelectorAll(selector)];
  const source = document.body.dataset.requests;
  const list = $("#requests"), main = $("#main"), live = $("#live"), pause = $("#pause");
  const known = new Map(); // id to row
  let recorded = []; // as the server gave them last
  let paused = false;

  const plural = (count, noun) => count + " " + noun + (count === 1 ? "" : "s");
  const number = value => (typeof value === "number" && isFinite(value) && value > 0 ? value : 0);
  const string = value => (value === null || value === undefined ? "" : String(value));

  // What cannot be seen, or turns the direction of text, as an escape: as the server shows it.
  const UNSEEN = /[\0-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff]|\p{Surrogate}/gu;
  const NAMED = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const shown = value => string(value).replace(UNSEEN, found => {
    const code = found.charCodeAt(0).toString(16);
    return NAMED[found] || (code.length < 3 ? "\\x" + code.padStart(2, "0") : "\\u" + code.padStart(4, "0"));
  });

  /* The list. Whatever comes from the recording is set as text, or as an encoded address. */

  function times(value) {
    const ms = number(value), places = ms < 10 ? 2 : ms < 100 ? 1 : 0;
    return ms.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places }) + " ms";
  }

  function clock(time, value) {
    const date = typeof value === "number" ? new Date(value * 1000) : null;
    if (date === null || isNaN(date)) {
      time.textContent = shown(value);
    } else {
      time.dateTime = date.toISOString();
      local(time);
    }
  }

  function local(time) {
    const date = new Date(time.dateTime);
    if (!isNaN(date)) time.textContent = date.toLocaleTimeString("en-GB");
  }

  function wsgi(text) { // UTF-8 in disguise, one character for each byte
    const bytes = Uint8Array.from(text, each => each.charCodeAt(0));
    if ([...text].some(each => each > "\xff")) return text;
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch (error) {
      return text;
    }
  }

  function row(request) {
    const made = $("#row").content.firstElementChild.cloneNode(true);
    const path = (shown(wsgi(string(request.path))) || "/") + (request.query ? "?" + shown(request.query) : "");
    const status = shown(request.status), first = /^[1-5]/.test(status) ? status[0] : "0";
    const layers = Array.isArray(request.layers) ? request.layers : [];
    const faults = layers.reduce((sum, layer) => sum + ((layer && layer.faults) || []).length, 0);
    Object.assign(made.dataset, { id: string(request.id), path, status: first, faults });
    made.dataset.ms = number(request.total_ms);
    $("a", made).href = "?id=" + encodeURIComponent(string(request.id).replace(/\p{Surrogate}/gu, "?"));
    $(".method", made).textContent = shown(request.method);
    $(".target", made).textContent = path;
    $(".spent", made).textContent = times(request.total_ms);
    const badge = $(".status", made);
    badge.className = "badge status s" + first;
    badge.textContent = status || "no head";
    const count = $(".count", made);
    count.hidden = !faults;
    count.textContent = plural(faults, "fault");
    clock($("time", made), request.time);
    return made;
  }

  function take(requests) {
    recorded = requests;
    const came = requests.filter(request => !known.has(string(request.id)));
    const there = new Set(requests.map(request => string(request.id)));
    for (const [id, made] of known) {
      if (!there.has(id)) {
        made.remove();
        known.delete(id);
      }
    }
    for (const request of came) {
      const made = row(request);
      made.classList.add("new");
      known.set(string(request.id), made);
      list.prepend(made);
    }
    if (came.length) {
      const last = came[came.length - 1];
      const more = came.length > 1 ? plural(came.length, "new request") + ", the last: " : "New request: ";
      filter(more + shown(last.method) + " " + shown(wsgi(string(last.path))) + ", " + (shown(last.status) || "no head"));
    } else {
      filter();
    }
    mark();
  }

  function filter(news) {
    const path = $("#by-path").value.toLowerCase(), status = $("#by-status").value;
    const least = Number($("#by-time").value) || 0, faults = $("#by-faults").checked;
    let seen = 0;
    for (const made of list.children) {
      const data = made.dataset;
      made.hidden = !(
        data.path.toLowerCase().includes(path) &&
        (!status || data.status === status) &&
        Number(data.ms) >= least &&
        (!faults || Number(data.faults) > 0)
      );
      seen += !made.hidden;
    }
    const count = list.children.length;
    const told = (seen === count ? "" : seen + " of ") + plural(count, "request");
    const text = news ? told + ". " + news : told;
    if ($("#told").textContent !== text && (news || !$("#told").textContent.startsWith(told + ". "))) {
      $("#told").textContent = text;
    }
    $("#none").hidden = count > 0;
  }

  function mark() {
    const current = $("#request") && $("#request").dataset.id;
    for (const made of list.children) {
      const link = $("a", made);
      if (made.dataset.id === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  let failures = 0;
  async function poll() {
    if (!paused && !document.hidden) {
      try {
        const answer = await fetch(source, { cache: "no-store" });
        if (!answer.ok) throw new Error(answer.status);
        const recording = await answer.json();
        take(Array.isArray(recording.requests) ? recording.requests : []);
        failures = 0;
      } catch (error) {
        failures += 1;
      }
      say();
    }
    setTimeout(poll, Math.min(EVERY * (1 + failures), 10 * EVERY));
  }

  function say() {
    const text = paused ? "paused" : failures ? "the server does not answer" : "live";
    if (live.textContent !== text) live.textContent = text;
    live.toggleAttribute("data-on", text === "live");
    pause.textContent = paused ? "Go on" : "Pause";
  }

  /* One request: the server's own page of it, put in the place of the one that is shown. */

  let opened = 0;
  async function open(address, push) {
    const mine = (opened += 1); // an answer that comes after a later one is not shown
    stop();
    try {
      const answer = await fetch(address, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      // Not the whole: its style has a nonce of its own, which is not that of this document.
      const text = await answer.text();
      if (mine !== opened) return;
      const part = (start, end, from = text.indexOf(start)) => text.slice(from, text.indexOf(end, from));
      const html = part("<title>", "</title>") + "</title>" + part('<main id="main"', "</main>");
      const page = new DOMParser().parseFromString(html, "text/html");
      const next = page.getElementById("main");
      main.replaceChildren(...[...next.childNodes].map(node => document.importNode(node, true)));
      document.title = page.title;
    } catch (error) {
      if (mine !== opened) return;
      const gone = document.createElement("p");
      gone.textContent = "This request is not in the recording any more, or the server does not answer.";
      main.replaceChildren(gone);
      document.title = "X-ray";
    }
    if (push) history.pushState(null, "", address);
    fresh();
    mark();
    const heading = $("#request");
    (heading || main).focus({ preventScroll: true });
    if (push) {
      const top = main.getBoundingClientRect().top;
      if (top < 0 || top > innerHeight / 2) main.scrollIntoView();
    }
  }

  function fresh() {
    all(".player, [data-copy], [data-download]", main).forEach(each => (each.hidden = false));
    all(".origin", main).forEach(each => (each.textContent = location.origin));
    all("time", main).forEach(local);
    at = -1;
    step(-1);
  }

  function reveal(index) {
    const layer = all(".layer", main)[index];
    if (!layer) return;
    layer.open = true;
    const summary = $("summary", layer);
    summary.focus({ preventScroll: true });
    layer.scrollIntoView({ block: "nearest" });
  }

  /* Play. */

  let at = -1, timer = 0;
  const steps = () => all(".steps li", main);

  function step(to) {
    const told = steps();
    if (!told.length) return;
    at = Math.max(-1, Math.min(to, told.length - 1));
    const now = told[at], said = $(".step", main);
    told.forEach(each => each.removeAttribute("aria-current"));
    const lane = now && now.dataset.layer, phase = now && now.dataset.phase;
    all(".x-lane", main).forEach(each => each.classList.toggle("here", each.dataset.layer === lane));
    all("circle[data-dot]", main).forEach(dot => {
      const place = now && $('.x-lane[data-layer="' + lane + '"]', dot.ownerSVGElement);
      const [left, right, y] = place ? place.dataset.at.split(" ").map(Number) : [-20, -20, 0];
      const x = phase === "in" ? left : phase === "answer" || phase === "error" ? (left + right) / 2 : right;
      dot.setAttribute("cx", x);
      dot.setAttribute("cy", y);
    });
    if (now) {
      now.setAttribute("aria-current", "step");
      const what = document.createElement("b");
      what.textContent = $(".phase", now).textContent;
      said.replaceChildren(what, " " + $(".says", now).textContent);
    }
    $(".player .count", main).textContent = now ? at + 1 + " of " + told.length : plural(told.length, "step");
    $('[data-play="back"]', main).disabled = at <= 0;
    $('[data-play="next"]', main).disabled = at === told.length - 1;
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    const button = $('[data-play="play"]', main);
    if (button) button.textContent = "Play";
  }

  function play() {
    if (timer) return stop();
    const last = steps().length - 1;
    step(at === last ? 0 : at + 1);
    if (at === last) return;
    timer = setInterval(() => {
      step(at + 1);
      if (at === steps().length - 1) stop();
    }, PLAY);
    $('[data-play="play"]', main).textContent = "Stop";
  }

  const plays = {
    play,
    back: () => (stop(), step(at - 1)),
    next: () => (stop(), step(at + 1)),
  };

  /* Copy and download. */

  function copy(button) {
    const text = document.getElementById(button.dataset.copy).textContent;
    const told = done => (button.textContent = done ? "Copied" : "Not copied");
    const selected = () => {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const copied = document.execCommand("copy");
      area.remove();
      button.focus();
      told(copied);
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => told(true), selected);
    else selected();
  }

  async function download() {
    const id = $("#request").dataset.id;
    const find = () => recorded.filter(request => string(request.id) === id);
    if (!find().length) {
      recorded = (await (await fetch(source, { cache: "no-store" })).json()).requests;
    }
    const data = JSON.stringify({ version: 1, requests: find() }, null, 2);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([data], { type: "application/json" }));
    link.download = "xray-" + id.replace(/[^\w-]/g, "_").slice(0, 64) + ".json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  /* Who is listened to. */

  document.addEventListener("click", event => {
    const target = event.target.closest("a, button");
    if (!target || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) {
      return;
    }
    if (target.matches(".requests a")) {
      event.preventDefault();
      open(target.getAttribute("href"), true);
    } else if (target.matches(".x-lane")) {
      event.preventDefault();
      reveal(Number(target.dataset.layer));
    } else if (target.dataset.play) {
      plays[target.dataset.play]();
    } else if (target.dataset.copy) {
      copy(target);
    } else if ("download" in target.dataset) {
      download();
    } else if (target === pause) {
      paused = !paused;
      say();
    }
  });
  document.addEventListener("keydown", event => {
    if (!event.target.closest || !event.target.closest(".player")) return;
    if (event.key === "ArrowRight") plays.next();
    else if (event.key === "ArrowLeft") plays.back();
    else return;
    event.preventDefault();
  });
  addEventListener("popstate", () => {
    if (!location.hash) open(location.search || "?", false);
  });
  for (const id of ["by-path", "by-status", "by-time", "by-faults"]) {
    document.getElementById(id).addEventListener("input", () => filter());
  }

  all(".requests li").forEach(made => known.set(made.dataset.id, made));
  all(".requests time").forEach(local);
  $(".filters").hidden = pause.hidden = false;
  if (matchMedia("(max-width: 40rem)").matches) $("#stack").open = false;
  fresh();
  say();
  poll();
})();
