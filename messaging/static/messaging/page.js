// What a page does by itself while somebody looks at it; everything works without it too.
"use strict";

const EVERY = 1000; // milliseconds between two questions whether there is news
const AT_LEAST_EVERY = 30000; // between two looks at the page, whatever was answered
const TWO = "2-digit";
const EXACT = { year: "numeric", month: TWO, day: TWO, hour: TWO, minute: TWO, second: TWO, timeZoneName: "short" };
const live = document.querySelector("[data-live]");
const announce = document.querySelector(".announce");
let etag = null;
let state = null;
let looked = 0;

// The server writes times in this zone from the next page on; this page is corrected here.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
document.cookie = `messaging_zone=${zone}; path=/; max-age=31536000; samesite=lax`;

function tellTimes() {
  for (const time of document.querySelectorAll("time")) {
    const when = new Date(time.dateTime);
    const minutes = Math.floor((Date.now() - when) / 60000);
    time.title = when.toLocaleString("sv", EXACT);
    if (minutes === 1) time.textContent = "a minute ago";
    else if (minutes > 1 && minutes < 60) time.textContent = `${minutes} minutes ago`;
  }
}

// What of an element tells whether it changed: not its form tokens, which differ each time,
// and not how long ago it was.
function gist(element) {
  const copy = element.cloneNode(true);
  for (const changing of copy.querySelectorAll("time, [name=csrfmiddlewaretoken]")) changing.remove();
  return copy.innerHTML;
}

function busy(element) {
  if (element.querySelector("details[open]")) return true;
  return element.contains(document.activeElement);
}

// Bring `live` to what `fresh` is, leaving alone whatever somebody is just using.
function update(fresh) {
  if (gist(fresh) === gist(live)) return;
  const known = new Map([...live.querySelectorAll("[data-key]")].map((e) => [e.dataset.key, e]));
  const arrived = [];
  const focused = document.activeElement;
  for (const element of fresh.querySelectorAll("[data-key]")) {
    const old = known.get(element.dataset.key);
    if (!old && element.matches("article, li")) arrived.push(element);
    else if (old && busy(old)) element.replaceWith(old);
  }
  live.replaceChildren(...fresh.childNodes);
  if (focused !== document.activeElement && live.contains(focused)) focused.focus({ preventScroll: true });
  if (arrived.length) announce.textContent = `${arrived.length} new: ${names(arrived)}`;
}

function names(elements) {
  return [...new Set(elements.map((e) => e.querySelector(".name")?.textContent))].join(", ");
}

function atEnd() {
  return innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
}

async function ask() {
  if (document.hidden) return;
  const headers = { Accept: "application/json" };
  const response = await fetch(live.dataset.live, { headers, cache: "no-store" });
  if (response.status === 401) location.reload(); // logged out
  const now = response.ok ? (await response.json()).state : null;
  if (now === state && Date.now() - looked < AT_LEAST_EVERY) return;
  await look();
  state = now; // as it was before the look, so that the next question finds what came meanwhile
  looked = Date.now();
}

async function look() {
  const headers = { Accept: "text/html" };
  if (etag) headers["If-None-Match"] = etag;
  const response = await fetch(location.href.split("#")[0], { headers, cache: "no-store" });
  if (!response.ok) return; // 304: nothing new; anything else: try again later
  etag = response.headers.get("ETag");
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector("[data-live]");
  if (!fresh) return;
  const follow = "follow" in live.dataset && atEnd();
  document.title = page.title;
  update(document.adoptNode(fresh));
  tellTimes();
  if (follow) scrollTo(0, document.documentElement.scrollHeight);
}

// A link to #reply7 opens the form there.
function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (!target || !target.matches("details")) return;
  target.open = true;
  target.querySelector("textarea").focus();
}

// Ctrl or Cmd with Enter sends what is being written.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.target.closest("textarea")?.form.requestSubmit();
});

tellTimes();
openTarget();
addEventListener("load", openTarget); // again, as going to the target took the focus away
addEventListener("hashchange", openTarget);
if (live) {
  setInterval(() => ask().catch(() => {}), EVERY); // offline: try again later
  document.addEventListener("visibilitychange", () => ask().catch(() => {}));
}
