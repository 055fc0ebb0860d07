// The dashboard's page: shows what comes over the WebSocket and posts what is pressed.
"use strict";

const $ = id => document.getElementById(id);
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const make = (tag, cls, text) => {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text !== undefined) e.textContent = text;
  return e;
};

// The token comes in the address, and stays with this tab.
const given = new URLSearchParams(location.search).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}
const token = sessionStorage.getItem("token") || "";

let socket = null, hello = null, state = null, lastMessage = 0;
let pictures = [], rows = [], shownChunk = "", path = [];

function connect() {
  const url = new URL("ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  if (token) url.searchParams.set("token", token);
  socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onmessage = m => {
    lastMessage = performance.now();
    if (typeof m.data === "string") {
      const v = JSON.parse(m.data);
      handlers[v.op]?.(v);
    } else {
      showPicture(m.data);
    }
  };
  socket.onclose = () => {
    letGo();
    document.body.classList.add("offline");
    $("link").textContent = "connection lost, trying again…";
    setTimeout(connect, 1000);
  };
}

const handlers = {
  hello(v) {
    hello = v;
    document.body.classList.remove("offline");
    $("robot").textContent = v.robot;
    document.title = v.robot + " · cobot_vla";
    $("link").textContent = "";
    $("control-why").textContent = v.control ? "" : v.why;
    for (const b of document.querySelectorAll("button.control, #release")) b.disabled = !v.control;
    $("instruction").disabled = !v.control;
    buildPictures(v.pictures);
    buildJoints(v.axes);
  },
  state(v) {
    state = v;
    showStatus(v);
    showJoints(v);
    showChunk(v.chunk);
    showBase(v);
    showRecorder(v.recorder);
  },
  events(v) { v.events.forEach(showEvent); },
  slow(v) {
    path = v.path;
    showDiagnostics(v.diagnostics || []);
    showTable("latency", v.latency || [], s => [s.name, s.p50_ms.toFixed(1) + " ms", s.p99_ms.toFixed(1) + " ms"]);
    showTable("topics", v.topics || [], t => [t.topic, t.rate.toFixed(0), t.dropped, t.lost], t => t.lost > 0);
  },
};

// Pictures.

function buildPictures(names) {
  const box = $("pictures");
  box.replaceChildren();
  pictures = names.map(name => {
    const f = make("figure"), c = make("canvas"), cap = make("figcaption", "", name === "policy" ? "the policy's view" : name);
    f.append(c, make("span", "none", "no picture"), cap);
    f.dataset.name = name;
    box.append(f);
    return { f, c, cap, label: cap.textContent, count: 0, shown: 0, at: 0, busy: false };
  });
}

async function showPicture(data) {
  const view = new DataView(data), p = pictures[view.getUint8(0)];
  if (!p || p.busy) return; // newer ones come
  p.busy = true;
  try {
    const image = await createImageBitmap(new Blob([new Uint8Array(data, 9)], { type: "image/jpeg" }));
    if (p.c.width !== image.width || p.c.height !== image.height) {
      p.c.width = image.width;
      p.c.height = image.height;
    }
    p.c.getContext("2d").drawImage(image, 0, 0);
    image.close();
    p.count++;
    p.shown++;
    p.at = performance.now();
    p.stamp = view.getFloat64(1, true);
    p.f.classList.add("live");
  } catch (e) {
    p.cap.textContent = p.label + " · broken picture";
  } finally {
    p.busy = false;
  }
}

setInterval(() => {
  const now = performance.now();
  for (const p of pictures) {
    const live = p.at && now - p.at < 2000;
    p.f.classList.toggle("stale", !!p.at && !live);
    p.cap.textContent = p.label + (live ? ` · ${p.count} Hz` : p.at ? ` · silent for ${((now - p.at) / 1000).toFixed(0)} s` : "");
    p.count = 0;
  }
  if (socket && socket.readyState === WebSocket.OPEN && lastMessage && now - lastMessage > 3000) $("link").textContent = "silent for " + ((now - lastMessage) / 1000).toFixed(0) + " s";
}, 1000);

// Status.

function chip(id, text, cls, title) {
  const c = $(id);
  c.textContent = text;
  c.className = "chip " + cls;
  c.title = title || "";
}

const modeClass = p => p.fault || p.mode === "estop" || p.mode === "fault" ? "bad" : p.mode === "disabled" ? "warn" : p.mode === "holding" ? "ok" : "busy";

function showStatus(v) {
  $("banner").hidden = !v.estop;
  $("banner-reason").textContent = v.reason;
  document.body.classList.toggle("estopped", v.estop);
  const who = v.source && v.source !== "none" ? `${v.source} leads ${v.holds.join(" and ")}` : "nobody leads";
  if (v.stale) chip("chip-authority", "no supervisor", "bad", "supervisor/authority is silent: the robot holds");
  else chip("chip-authority", v.estop ? "e-stop" : who, v.estop ? "bad" : v.holds.length ? "busy" : "", v.reason);
  for (const part of ["arms", "base"]) {
    const p = v.parts[part];
    if (!p || p.age > 1) chip("chip-" + part, part + " silent", "warn");
    else chip("chip-" + part, `${part} ${p.mode.replaceAll("_", " ")}`, modeClass(p), `${p.state}; ${p.clamps} clamps, ${p.refused} refused. ${p.reason}`);
  }
  $("chip-correction").hidden = !v.correction;
  const t = v.verdict;
  $("chip-verdict").hidden = !t;
  if (t) chip("chip-verdict", t.success ? t.task + ": success" : `${t.task} ${(100 * t.progress).toFixed(0)} %`, t.success ? "ok" : "", t.reason);
  $("instruction-now").textContent = v.instruction || "none";
  const s = v.sources.policy;
  $("policy-state").textContent = s ? (s.age < 1 ? s.state.replaceAll("_", " ") : "silent for " + s.age.toFixed(0) + " s") : "no policy";
}

function showRecorder(r) {
  document.body.classList.toggle("recording", r?.state === "recording");
  $("rec-state").textContent = r ? r.state : "no recorder";
  $("rec-start").disabled = !hello?.control || r?.state === "recording";
  if (!r) { $("rec-info").textContent = ""; return; }
  const dead = (r.streams || []).filter(s => s.dead).map(s => s.topic);
  const lost = (r.streams || []).reduce((n, s) => n + s.lost, 0);
  $("rec-info").textContent = [r.episode, r.elapsed ? r.elapsed.toFixed(0) + " s" : "", r.bytes ? (r.bytes / 1e6).toFixed(1) + " MB" : "",
    lost ? lost + " lost" : "", dead.length ? "silent: " + dead.join(", ") : "", r.reason].filter(Boolean).join(" · ");
}

let noticeTimer = 0;
function notice(text, good) {
  const n = $("notice");
  n.textContent = text;
  n.className = "notice" + (good ? " good" : "");
  n.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { n.hidden = true; }, good ? 3000 : 9000);
}

async function post(what, body) {
  try {
    const r = await fetch("api/" + what, {
      method: "POST", body: JSON.stringify(body || {}),
      headers: token ? { Authorization: "Bearer " + token, "Content-Type": "application/json" } : { "Content-Type": "application/json" },
    });
    const a = await r.json();
    notice(a.message || (a.ok ? "done" : "refused"), a.ok);
    return a.ok;
  } catch (e) {
    notice(what === "estop" ? "The e-stop could not be sent: use the robot's own!" : "The dashboard does not answer.", false);
    return false;
  }
}

$("estop").addEventListener("pointerdown", () => post("estop"));
$("estop").addEventListener("keydown", e => { if (e.key === "Enter" || e.key === " ") post("estop"); });
for (const b of document.querySelectorAll("[data-api]")) b.addEventListener("click", () => post(b.dataset.api));
$("instruction-form").addEventListener("submit", e => {
  e.preventDefault();
  post("instruction", { text: $("instruction").value });
});

// Driving: a message ten times a second while a button is held, and nothing else; silence stops the base.

let held = null, heldTimer = 0;
function hold(button) {
  letGo();
  held = button;
  button.classList.add("held");
  const [linear, angular] = button.dataset.drive.split(",").map(Number);
  const say = () => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ linear, angular, t: performance.now() }));
  say();
  heldTimer = setInterval(say, 80);
}
function letGo() {
  clearInterval(heldTimer);
  if (!held) return;
  held.classList.remove("held");
  held = null;
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ linear: 0, angular: 0, t: performance.now() }));
}
for (const b of document.querySelectorAll("[data-drive]")) {
  b.addEventListener("pointerdown", e => { e.preventDefault(); if (!b.disabled) { b.setPointerCapture(e.pointerId); hold(b); } });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) b.addEventListener(end, letGo);
  b.addEventListener("contextmenu", e => e.preventDefault());
}
addEventListener("blur", letGo);
addEventListener("pagehide", letGo);
document.addEventListener("visibilitychange", () => { if (document.hidden) letGo(); });

// Tokens.

const arrows = { forward: "↑", left: "↺", right: "↻", stop: "■" };
function showEvent(e) {
  const li = make("li"), list = $("events");
  li.append(make("span", "muted time", new Date(e.t * 1000).toISOString().slice(11, 21)));
  if (e.kind === "navigation") {
    const unit = e.direction === "forward" ? " m" : e.direction === "stop" ? "" : " rad";
    li.append(make("span", "arrow", arrows[e.direction] || "?"), make("span", "ellipsis", `${e.direction}${unit ? " " + (e.value || 0).toFixed(3) + unit : ""}`));
    li.lastChild.append(" ", make("code", "", (e.tokens || []).join(" ")));
  } else {
    li.append(make("span", "arrow", "⋯"), make("span", "ellipsis", `${e.source}: step ${(e.first || 0) + 1} of ${e.total}`));
    li.lastChild.append(" ", make("code", "", (e.tokens || []).join(" ")));
  }
  li.append(make("span", "muted", e.inference_ms.toFixed(0) + " ms"));
  list.prepend(li);
  while (list.children.length > 60) list.lastChild.remove();
}

function showChunk(c) {
  if (!c) return;
  const id = `${c.source} ${c.sequence} ${c.values.length}`;
  if (id === shownChunk) return;
  shownChunk = id;
  const bins = c.bins?.length === c.values.length ? c.bins : null;
  $("bins-title").textContent = `Actions of ${c.source}, chunk ${c.sequence}, ${c.schedule}, ${c.total} steps of ${(1000 * c.period_s).toFixed(0)} ms: ` + (bins ? "bins 1 to 256" : "values in their limits");
  const canvas = $("bins"), cw = 44, ch = 24, left = 26, top = 54, ratio = devicePixelRatio || 1;
  const width = left + cw * c.names.length + 26, height = top + ch * c.total;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = width + "px";
  canvas.style.height = height + "px";
  const g = canvas.getContext("2d");
  g.scale(ratio, ratio);
  g.font = "11px system-ui, DejaVu Sans, sans-serif";
  g.fillStyle = css("--muted");
  c.names.forEach((name, j) => {
    g.save();
    g.translate(left + cw * j + 12, top - 6);
    g.rotate(-0.6);
    g.fillText(name.replace("left_", "l ").replace("right_", "r "), 0, 0);
    g.restore();
  });
  for (let k = 0; k < c.total; k++) {
    g.fillStyle = css("--muted");
    g.fillText(k + 1, 6, top + ch * k + 16);
    c.names.forEach((name, j) => {
      const value = c.values[k]?.[j], axis = hello.axes.find(a => a.name === name);
      let share = null, text = "";
      if (bins && bins[k]?.[j]) { share = (bins[k][j] - 1) / 255; text = bins[k][j]; }
      else if (value !== undefined && value !== null) { share = axis ? (value - axis.lower) / (axis.upper - axis.lower) : 0.5; text = value.toFixed(2); }
      g.fillStyle = share === null ? css("--track") : tint(share);
      g.fillRect(left + cw * j + 1, top + ch * k + 1, cw - 2, ch - 2);
      if (share !== null) {
        g.fillStyle = "#fff";
        g.textAlign = "center";
        g.fillText(text, left + cw * j + cw / 2, top + ch * k + 16);
        g.textAlign = "left";
      }
    });
  }
}
const tint = share => `hsl(${Math.round(225 - 195 * Math.min(Math.max(share, 0), 1))} 62% ${matchMedia("(prefers-color-scheme: light)").matches ? 44 : 36}%)`;

// Joints.

function buildJoints(axes) {
  const box = $("joints"), half = axes.length / 2;
  box.replaceChildren();
  rows = [];
  const arms = [make("div"), make("div")];
  box.append(...arms);
  axes.forEach((a, i) => {
    const r = make("div", "joint"), track = make("div", "track"), value = make("span", "value"), spark = make("canvas", "spark");
    const marks = {};
    for (const what of ["measured", "leader", "target"]) track.append(marks[what] = make("i", what));
    r.append(make("span", "name", a.name.replace("_", " ")), track, value, spark);
    spark.width = 300;
    spark.height = 56;
    arms[i < half ? 0 : 1].append(r);
    const span = a.upper - a.lower;
    rows.push({ a, marks, value, spark, low: a.lower - 0.04 * span, span: 1.08 * span, past: [] });
  });
}

function showJoints(v) {
  rows.forEach((r, i) => {
    const at = { measured: v.measured?.[i], target: v.target?.[i], leader: v.leader?.[i] };
    for (const what in at) {
      const x = at[what], ok = typeof x === "number";
      r.marks[what].style.display = ok ? "block" : "none";
      if (ok) r.marks[what].style.left = 100 * Math.min(Math.max((x - r.low) / r.span, 0), 1) + "%";
    }
    const off = typeof at.measured === "number" && typeof at.target === "number" ? at.target - at.measured : null;
    const digits = r.a.unit === "m" ? 4 : 3;
    r.value.textContent = typeof at.measured === "number" ? `${at.measured.toFixed(digits)} ${r.a.unit}` : "–";
    r.value.classList.toggle("off", off !== null && Math.abs(off) > (r.a.unit === "m" ? 0.01 : 0.1));
    r.value.title = off === null ? "" : `target minus measured ${off.toFixed(digits)} ${r.a.unit}`;
    r.past.push([at.measured, at.target]);
    if (r.past.length > 150) r.past.shift();
  });
}

setInterval(() => {
  for (const r of rows) {
    const g = r.spark.getContext("2d"), w = r.spark.width, h = r.spark.height;
    g.clearRect(0, 0, w, h);
    const all = r.past.flat().filter(x => typeof x === "number");
    if (!all.length) continue;
    let low = Math.min(...all), high = Math.max(...all);
    const least = r.a.unit === "m" ? 0.01 : 0.1;
    if (high - low < least) { const mid = (high + low) / 2; low = mid - least / 2; high = mid + least / 2; }
    [["--blue", 0], ["--amber", 1]].forEach(([color, k]) => {
      g.strokeStyle = css(color);
      g.lineWidth = k ? 1.5 : 3;
      g.beginPath();
      let pen = false;
      r.past.forEach((p, i) => {
        if (typeof p[k] !== "number") { pen = false; return; }
        const x = w * i / 149, y = h - 4 - (h - 8) * (p[k] - low) / (high - low);
        pen ? g.lineTo(x, y) : g.moveTo(x, y);
        pen = true;
      });
      g.stroke();
    });
  }
}, 250);

// Base.

const goalText = g => `Goal ${g.id}: ${g.state}` + (g.state === "running" ? `, ${g.remaining.toFixed(2)} left` : "") + (g.reason ? ". " + g.reason : "");

function showBase(v) {
  const b = v.base;
  $("base-speed").textContent = b ? `${b.linear.toFixed(2)} m/s · ${b.angular.toFixed(2)} rad/s · at ${b.x.toFixed(2)}, ${b.y.toFixed(2)} m` : "no odometry";
  $("goal").textContent = v.goal ? goalText(v.goal) : "";
  const c = $("map"), g = c.getContext("2d"), w = c.width, h = c.height;
  g.clearRect(0, 0, w, h);
  const points = path.concat(b ? [[b.x, b.y]] : []);
  if (!points.length) return;
  const xs = points.map(p => p[0]), ys = points.map(p => p[1]);
  const cx = (Math.min(...xs) + Math.max(...xs)) / 2, cy = (Math.min(...ys) + Math.max(...ys)) / 2;
  const span = Math.max(Math.max(...xs) - Math.min(...xs), (Math.max(...ys) - Math.min(...ys)) * w / h, 2) * 1.25, scale = w / span;
  const X = x => w / 2 + (x - cx) * scale, Y = y => h / 2 - (y - cy) * scale;
  const grid = span > 12 ? 5 : span > 4 ? 1 : 0.5;
  g.lineWidth = 1;
  g.strokeStyle = css("--line");
  g.fillStyle = css("--muted");
  g.font = "12px system-ui, DejaVu Sans, sans-serif";
  for (let x = Math.ceil((cx - span / 2) / grid) * grid; x < cx + span / 2; x += grid) {
    g.beginPath(); g.moveTo(X(x), 0); g.lineTo(X(x), h); g.stroke();
    g.fillText(x.toFixed(1), X(x) + 3, h - 5);
  }
  for (let y = Math.ceil((cy - span * h / w / 2) / grid) * grid; y < cy + span * h / w / 2; y += grid) {
    g.beginPath(); g.moveTo(0, Y(y)); g.lineTo(w, Y(y)); g.stroke();
    g.fillText(y.toFixed(1), 3, Y(y) - 3);
  }
  g.strokeStyle = css("--blue");
  g.lineWidth = 3;
  g.lineJoin = "round";
  g.beginPath();
  points.forEach((p, i) => i ? g.lineTo(X(p[0]), Y(p[1])) : g.moveTo(X(p[0]), Y(p[1])));
  g.stroke();
  if (!b) return;
  g.save();
  g.translate(X(b.x), Y(b.y));
  g.rotate(-b.yaw);
  const l = Math.max(0.35 * scale, 12), s = Math.max(0.25 * scale, 9);
  g.fillStyle = css("--green");
  g.globalAlpha = 0.85;
  g.beginPath();
  g.moveTo(l, 0); g.lineTo(l * 0.55, -s); g.lineTo(-l, -s); g.lineTo(-l, s); g.lineTo(l * 0.55, s);
  g.closePath();
  g.fill();
  g.restore();
}

// Tables.

function showTable(id, items, cells, bad) {
  const body = $(id);
  body.replaceChildren(...items.map(item => {
    const tr = make("tr");
    cells(item).forEach((text, i) => {
      const td = make("td", i ? "n" : "", text);
      if (i === 3 && bad?.(item)) td.classList.add("bad");
      td.title = text;
      tr.append(td);
    });
    return tr;
  }));
}

const open = new Set();
function showDiagnostics(list) {
  const levels = [0, 0, 0, 0], now = list.map(d => ({ ...d, level: d.age > 5 ? 3 : Math.min(d.level, 3) }));
  now.forEach(d => levels[d.level]++);
  now.sort((a, b) => (b.level % 3) - (a.level % 3) || a.name.localeCompare(b.name));
  $("diag-sum").textContent = list.length ? [levels[2] && levels[2] + " errors", levels[1] && levels[1] + " warnings", levels[3] && levels[3] + " silent", levels[0] + " ok"].filter(Boolean).join(", ") : "nothing heard";
  $("diagnostics").replaceChildren(...now.map(d => {
    const e = make("details", "l" + d.level), s = make("summary"), dl = make("dl");
    s.append(make("span", "task", d.name), make("span", "message", d.level === 3 ? `silent for ${d.age.toFixed(0)} s` : d.message));
    for (const [k, v] of d.values || []) dl.append(make("dt", "", k), make("dd", "", v));
    e.append(s, dl);
    e.open = open.has(d.name);
    e.addEventListener("toggle", () => e.open ? open.add(d.name) : open.delete(d.name));
    return e;
  }));
}

connect();
