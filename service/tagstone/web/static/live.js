// Keeps the page of a publication as it stands, by server-sent events. Without this script the page has a link that follows it.
"use strict";

(() => {
  const note = document.getElementById("live");
  if (!note || !window.EventSource) return;
  const events = new EventSource(note.dataset.events);

  // The parts are written by the same templates as the page: what strangers wrote is text in them.
  function show(name, part) {
    const place = document.getElementById(`live-${name}`);
    if (!place || place.innerHTML === part) return;
    const before = [...place.querySelectorAll("pre")].map((pre) => pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 4);
    const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    place.innerHTML = part;
    place.querySelectorAll("pre").forEach((pre, number) => {
      if (before[number] ?? true) pre.scrollTop = pre.scrollHeight;
      if (focused && pre.getAttribute("aria-label") === focused) pre.focus({ preventScroll: true });
    });
  }

  events.addEventListener("open", () => { note.textContent = "Live: this page follows by itself."; });
  events.addEventListener("change", (event) => {
    for (const [name, part] of Object.entries(JSON.parse(event.data))) show(name, part);
  });
  events.addEventListener("end", () => {
    events.close();
    note.textContent = "It has ended.";
  });
  events.addEventListener("error", () => {
    note.textContent = "The connection is away; looking again.";
    // A server that turned us away is asked again later; a connection that broke is opened again by the browser.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10000);
  });
})();
