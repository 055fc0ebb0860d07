// The list of recorded episodes: thumbnails, playback, verdicts, export.
"use strict";

let shelf = [], playing = null, shelfText = "", exporting = false;

const seconds = s => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
const size = b => b > 1e9 ? (b / 1e9).toFixed(1) + " GB" : b > 1e6 ? (b / 1e6).toFixed(1) + " MB" : Math.ceil(b / 1e3) + " kB";
const pictureURL = (e, camera, at) => `api/episodes/${encodeURIComponent(e.name)}/picture?camera=${encodeURIComponent(camera)}&at=${at.toFixed(2)}`;

async function loadShelf() {
  let text;
  try {
    text = await (await fetch("api/episodes")).text();
  } catch {
    return; // the connection's own line says it
  }
  if (text === shelfText) return;
  shelfText = text;
  const v = JSON.parse(text);
  $("episodes").hidden = !v.here;
  shelf = v.episodes || [];
  const kept = shelf.filter(e => e.verdict === "keep");
  $("episodes-sum").textContent = shelf.length ? `${shelf.length} recorded, ${kept.length} kept (${seconds(kept.reduce((s, e) => s + e.seconds, 0))})` : "none yet";
  placeCards();
}

// A card that says the same as before stays where it is, so that a click on it is not lost.
const cards = new Map(); // by the episode's name: what it says, and the card

function placeCards() {
  const box = $("shelf");
  for (const [name, old] of cards) if (!shelf.some(e => e.name === name)) {
    old.card.remove();
    cards.delete(name);
  }
  shelf.forEach((e, i) => {
    const says = JSON.stringify(e), old = cards.get(e.name);
    if (!old || old.says !== says) {
      const c = card(e);
      if (old) old.card.replaceWith(c);
      cards.set(e.name, { says, card: c });
    }
    const c = cards.get(e.name).card;
    if (box.children[i] !== c) box.insertBefore(c, box.children[i] || null);
  });
}

function card(e) {
  const c = make("button", "episode " + (e.verdict || "broken"));
  c.dataset.name = e.name;
  if (e.cameras && e.cameras.length) {
    const i = make("img");
    i.loading = "lazy";
    i.alt = "";
    i.src = pictureURL(e, e.cameras[0], e.seconds / 2);
    c.append(i);
  }
  c.append(make("strong", "", e.name.replace("episode_", "#").replace(/#0+(?=\d)/, "#")), make("span", "muted", e.problem || e.task));
  if (!e.problem) {
    const facts = [seconds(e.seconds), size(e.bytes), e.verdict];
    if (e.lost) facts.push(e.lost + " lost");
    if (e.gaps) facts.push(e.gaps + (e.gaps === 1 ? " gap" : " gaps"));
    if (e.corrected) facts.push("corrected");
    c.append(make("small", "", facts.join(" · ")));
    c.addEventListener("click", () => openEpisode(e));
  } else {
    c.disabled = true;
  }
  return c;
}

function openEpisode(e) {
  closeEpisode();
  playing = { e, at: 0, timer: 0, views: e.cameras.map(camera => { const i = make("img"); i.alt = camera; i.dataset.camera = camera; return i; }) };
  $("player").hidden = false;
  $("player-name").textContent = e.name;
  $("player-task").textContent = e.task + (e.operator ? " · " + e.operator : "");
  $("player-file").href = `api/episodes/${encodeURIComponent(e.name)}/file`;
  $("player-views").replaceChildren(...playing.views);
  $("player-at").max = e.seconds;
  seek(0);
  $("player").scrollIntoView({ block: "nearest" });
}

function closeEpisode() {
  if (playing) clearInterval(playing.timer);
  playing = null;
  $("player").hidden = true;
  $("player-play").textContent = "▶";
}

function seek(at) {
  const p = playing;
  p.at = at;
  $("player-at").value = at;
  $("player-time").textContent = `${at.toFixed(1)} of ${p.e.seconds.toFixed(1)} s`;
  for (const i of p.views) {
    if (i.src && !i.complete) continue; // a slow line shows fewer
    i.src = pictureURL(p.e, i.dataset.camera, at);
  }
}

function togglePlay() {
  const p = playing;
  if (!p) return;
  if (p.timer) {
    clearInterval(p.timer);
    p.timer = 0;
    $("player-play").textContent = "▶";
    return;
  }
  if (p.at >= p.e.seconds - 0.05) p.at = 0;
  let last = performance.now();
  $("player-play").textContent = "❚❚";
  p.timer = setInterval(() => {
    const now = performance.now(), at = p.at + (now - last) / 1000;
    last = now;
    seek(Math.min(at, p.e.seconds));
    if (at >= p.e.seconds) togglePlay();
  }, 100);
}

$("player-play").addEventListener("click", togglePlay);
$("player-close").addEventListener("click", closeEpisode);
$("player-at").addEventListener("input", () => playing && seek(Number($("player-at").value)));
for (const verdict of ["keep", "discard"]) $("player-" + verdict).addEventListener("click", async () => {
  await post(`episodes/${encodeURIComponent(playing.e.name)}/judge`, { text: verdict });
  loadShelf();
});

async function showExport() {
  let v;
  try {
    v = await (await fetch("api/export")).json();
  } catch {
    return;
  }
  const pick = $("export-format");
  if (pick.children.length !== (v.formats || []).length) pick.replaceChildren(...(v.formats || []).map(f => { const o = make("option", "", f); o.value = f; return o; }));
  exporting = v.running;
  $("export-state").textContent = v.running ? `exporting, ${(100 * v.part).toFixed(0)} %` : v.message;
  $("export-state").classList.toggle("failed", v.failed);
}

$("export").addEventListener("click", async () => {
  await post("export", { text: $("export-format").value });
  showExport();
});

loadShelf();
showExport();
setInterval(() => { if (!document.hidden) loadShelf(); }, 3000);
setInterval(() => { if (exporting) showExport(); }, 500);
