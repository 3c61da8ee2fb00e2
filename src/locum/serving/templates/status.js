
"use strict";
const live = document.getElementById("live");
const link = document.getElementById("link");
const AGAIN_MS = 5000;
let source = null;

function say(text, kind) {
  if (link.textContent !== text) link.textContent = text;
  link.className = kind;
}

// Parts that did not change stay, so that a selection in them stays too.
function merge(shown, fresh) {
  if (shown.isEqualNode(fresh)) return;
  const old = [...shown.children], now = [...fresh.children];
  const alike = old.length === now.length && old.length > 0
    && now.every((part, place) => part.id && part.id === old[place].id);
  if (!alike) {
    shown.replaceWith(fresh);
    return;
  }
  now.forEach((part, place) => merge(old[place], part));
}

function show(event) {
  const fresh = new DOMParser().parseFromString(JSON.parse(event.data), "text/html").body;
  const old = [...live.children], now = [...fresh.children];
  if (old.length !== now.length || now.some((part, place) => part.id !== old[place].id)) {
    live.replaceChildren(...now);
  } else {
    now.forEach((part, place) => merge(old[place], part));
  }
  say("live", "on");
}

function listen() {
  if (source !== null || document.hidden) return;
  source = new EventSource("events");
  source.onmessage = show;
  source.onerror = () => {
    say("not connected: the figures are old", "off");
    if (source.readyState !== EventSource.CLOSED) return;
    source = null;
    setTimeout(listen, AGAIN_MS);
  };
}

// A browser has few connections to one host: a page that nobody sees gives its own back.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    listen();
  } else if (source !== null) {
    source.close();
    source = null;
  }
});
say("connecting", "off");
listen();
