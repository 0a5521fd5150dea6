// The page asks once for each picture, and is given all boxes that may be wanted, with falling scores. What is shown
// of them is decided here, so the threshold moves without asking again.

const [plate, canvas, caption, message, file, camera, threshold, scores] =
  ["plate", "picture", "caption", "message", "file", "camera", "threshold", "scores"].map((id) =>
    document.getElementById(id));
const MOST_BYTES = Number(document.body.dataset.mostBytes);
const SLOW = 2500; // milliseconds after which a look is worth a word
const COLOURS = [[255, 79, 139], [255, 165, 31], [230, 255, 74]]; // of scores 0, 1/2 and 1, as in apps/faces/figures.py
const INK = "#22272e";

let shown = null; // {image, width, height, boxes, scores, milliseconds}: what is drawn
let turn = 0; // the last thing that was begun; an answer to an earlier one is passed over
let asked = new AbortController();

// --- Asking

/** What the server finds in the bytes of a picture, in one look or in as many as suit it.
 *  Throws an Error that says why there is nothing. */
async function ask(blob, once = false) {
  const headers = { "Content-Type": "application/octet-stream" };
  const sent = { method: "POST", body: blob, headers, signal: asked.signal };
  const answer = await fetch(once ? "look?once" : "look", sent).catch((error) => {
    throw error.name === "AbortError" ? error : new Error("the server does not answer; it may have ended");
  });
  const said = await answer.json().catch(() => ({ error: "the server's answer cannot be read" }));
  if (!answer.ok) throw Object.assign(new Error(said.error), { busy: answer.status === 503 });
  return said;
}

/** Leave what is going on, and begin something; returns its number. */
function begin() {
  asked.abort();
  asked = new AbortController();
  message.textContent = "";
  camera.setAttribute("aria-pressed", "false");
  camera.textContent = "Use the camera";
  document.getElementById("frames").hidden = true;
  plate.classList.remove("busy");
  return ++turn;
}

async function open(blob) {
  const mine = begin();
  if (blob.size > MOST_BYTES) {
    return complain(`a file of ${megabytes(blob.size)} MB found, at most ${megabytes(MOST_BYTES)} MB expected`);
  }
  const image = await decoded(blob);
  if (mine !== turn) return;
  if (image) show({ image, width: image.naturalWidth, height: image.naturalHeight, boxes: [], scores: [] });
  plate.classList.add("busy");
  caption.textContent = "Looking …";
  const slow = setTimeout(() => {
    caption.textContent = "Looking … the first look takes longer, as kernels are compiled.";
  }, SLOW);
  try {
    const found = await ask(blob);
    if (mine === turn) show({ image, ...found });
    if (mine === turn && !image) complain("this browser cannot show such a picture; the boxes are where its faces are");
  } catch (error) {
    if (mine === turn) clear(), complain(error.message);
  } finally {
    clearTimeout(slow);
    if (mine === turn) plate.classList.remove("busy");
  }
}

/** The picture as this browser shows it, upright; null where it cannot. */
async function decoded(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  await image.decode().catch(() => {});
  URL.revokeObjectURL(image.src);
  return image.naturalWidth ? image : null;
}

function complain(text) {
  message.textContent = `${text[0].toUpperCase()}${text.slice(1)}.`;
}

const megabytes = (bytes) => Math.ceil(bytes / 2 ** 20);

// --- The camera: a frame is sent when the one before has been answered, so none waits.

async function watch() {
  const mine = begin();
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, facingMode: "user" } });
  } catch (error) {
    const why = { NotAllowedError: "the camera may not be used", NotFoundError: "there is no camera" }[error.name];
    if (mine === turn) complain(why ?? `the camera cannot be used (${error.message})`);
    return;
  }
  try {
    if (mine === turn) await frames(stream, mine);
  } catch (error) {
    if (mine === turn) begin(), complain(error.message);
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

async function frames(stream, mine) {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, srcObject: stream });
  await video.play();
  camera.setAttribute("aria-pressed", "true");
  camera.textContent = "Stop the camera";
  document.getElementById("frames").hidden = false;
  const mirrored = stream.getVideoTracks()[0].getSettings().facingMode !== "environment";
  for (let rate = 0, last = performance.now(); mine === turn; ) {
    const image = frame(video, mirrored);
    const blob = await new Promise((resolve) => image.toBlob(resolve, "image/jpeg", 0.85));
    const found = await ask(blob, true).catch((error) => {
      if (!error.busy) throw error;
    });
    if (mine !== turn) return;
    if (found) {
      const now = performance.now();
      rate = rate ? 0.9 * rate + 100 / (now - last) : 1000 / (now - last);
      last = now;
      show({ image, ...found, moving: true });
      document.getElementById("rate").textContent = `${rate.toFixed(1)} a second`;
    }
    await new Promise(requestAnimationFrame); // none while the page is hidden
  }
}

/** What the camera sees now; of one that faces the user, as in a mirror. */
function frame(video, mirrored) {
  const image = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  const pen = image.getContext("2d");
  if (mirrored) pen.setTransform(-1, 0, 0, 1, image.width, 0);
  pen.drawImage(video, 0, 0);
  return image;
}

// --- Showing

function show(found) {
  shown = found;
  document.body.classList.remove("empty");
  canvas.parentElement.style.setProperty("--ratio", found.width / found.height);
  draw();
}

function clear() {
  shown = null;
  document.body.classList.add("empty");
  canvas.parentElement.style.removeProperty("--ratio");
  canvas.width = canvas.width; // which wipes it
  caption.textContent = "";
  draw();
}

function draw() {
  const least = Number(threshold.value);
  const found = shown ?? { boxes: [], scores: [] };
  const kept = found.scores.filter((score) => score >= least).length; // the first ones, as scores fall
  if (shown) drawPicture(kept);
  drawScores(found.scores, least);
  tell(found, kept, least);
}

function tell({ scores, milliseconds, width, height, moving }, kept, least) {
  const noun = kept === 1 ? "face" : "faces";
  const known = milliseconds !== undefined;
  document.getElementById("count").textContent = known ? kept : "–";
  document.getElementById("noun").textContent = noun;
  document.getElementById("least").textContent = least.toFixed(2);
  document.getElementById("size").textContent = width ? `${width} × ${height}` : "–";
  document.getElementById("time").textContent = known ? `${Math.round(milliseconds)} ms` : "–";
  const range = kept > 1 ? `, scores ${scores[0].toFixed(2)} to ${scores[kept - 1].toFixed(2)}` : "";
  const score = kept === 1 ? `, score ${scores[0].toFixed(2)}` : range;
  canvas.setAttribute("aria-label", width ? `The picture, with boxes around ${kept} ${noun}` : "No picture yet");
  const sentence = `${kept || "No"} ${noun}${moving ? "" : score}.`;
  if (known && caption.textContent !== sentence) caption.textContent = sentence; // read out when it is another
}

function drawPicture(kept) {
  const { image, width, height, boxes, scores } = shown;
  const unit = window.devicePixelRatio; // a pixel as styles count them
  const factor = (canvas.clientWidth * unit) / width;
  [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.round(side * factor)));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white"; // under what is transparent
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (image) pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  for (let i = kept - 1; i >= 0; i--) {
    drawBox(pen, boxes[i].map((side) => side * factor), scores[i], unit);
  }
}

function drawBox(pen, [x1, y1, x2, y2], score, unit) {
  const [width, height] = [x2 - x1, y2 - y1];
  const line = Math.max(unit, Math.min(2.5 * unit, Math.min(width, height) / 10));
  pen.lineWidth = line + 2 * unit;
  pen.strokeStyle = INK;
  pen.strokeRect(x1, y1, width, height);
  pen.lineWidth = line;
  pen.strokeStyle = pen.fillStyle = colour(score);
  pen.strokeRect(x1, y1, width, height);
  pen.font = `600 ${13 * unit}px system-ui, sans-serif`;
  const text = score.toFixed(2);
  const label = { width: pen.measureText(text).width + 10 * unit, height: 20 * unit };
  if (label.width > width) return;
  const left = x1 - line / 2;
  const top = y1 - label.height < 0 ? Math.min(y2, pen.canvas.height - label.height) : y1 - label.height;
  pen.fillRect(left, top, label.width, label.height);
  pen.fillStyle = INK;
  pen.fillText(text, left + 5 * unit, top + 15 * unit);
}

/** Pink, orange, yellow: lighter with the score. */
function colour(score) {
  const place = Math.min(Math.max(score, 0), 1) * (COLOURS.length - 1);
  const first = Math.min(Math.floor(place), COLOURS.length - 2);
  const mixed = COLOURS[first].map((low, i) => low + (place - first) * (COLOURS[first + 1][i] - low));
  return `rgb(${mixed.map(Math.round).join(" ")})`;
}

/** A line for each box above the slider, at its score. */
function drawScores(found, least) {
  const [lowest, style] = [Number(threshold.min), getComputedStyle(document.body)];
  const ratio = window.devicePixelRatio;
  scores.width = scores.clientWidth * ratio;
  scores.height = scores.clientHeight * ratio;
  const pen = scores.getContext("2d");
  const thumb = parseFloat(style.fontSize); // half of the handle, by which the slider's ends are indented
  for (const score of found) {
    const kept = score >= least;
    const share = (score - lowest) / (1 - lowest);
    const x = (thumb + share * (scores.clientWidth - 2 * thumb)) * ratio;
    const height = scores.height * (kept ? 1 : 0.45);
    pen.fillStyle = style.getPropertyValue(kept ? "--ink" : "--quiet");
    pen.fillRect(Math.round(x - ratio / 2), scores.height - height, Math.max(1, ratio * (kept ? 1.5 : 1)), height);
  }
  threshold.style.setProperty("--at", `${(100 * (least - lowest)) / (1 - lowest)}%`);
}

// --- What a user does

file.addEventListener("change", () => {
  if (file.files.length) open(file.files[0]);
  file.value = ""; // so that the same one may be chosen again
});
camera.addEventListener("click", () => (camera.getAttribute("aria-pressed") === "true" ? begin() : watch()));
document.getElementById("example").addEventListener("click", async () => {
  const answer = await fetch("example.jpg").catch(() => null);
  if (answer?.ok) open(await answer.blob());
  else complain("the server does not answer; it may have ended");
});
threshold.addEventListener("input", draw);
window.addEventListener("resize", draw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  else complain("no picture was dropped, but something else");
});
document.addEventListener("paste", (event) => {
  const [pasted] = event.clipboardData.files;
  if (pasted) open(pasted);
});

draw();
