// The viewer: one image, its window, zoom and frames, by mouse, finger and keyboard.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const root = byId("viewer");
  if (!root) return;
  const { load, levels } = root.images;
  const canvas = byId("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  const sheet = document.createElement("canvas");
  const ink = sheet.getContext("2d");
  const preset = byId("preset");
  const fields = { center: byId("center"), width: byId("width") };
  const slider = byId("frame");
  const links = [...byId("strip").querySelectorAll("a[data-uid]")];
  const STEP = 1.25;
  const MOST_ZOOM = 64; // screen pixels a pixel
  const FRAMES_A_SECOND = 12;

  let picture = null;
  let link = links.find((one) => one.hasAttribute("aria-current"));
  let frame = Number(root.dataset.frame);
  let view = { x: 0, y: 0, zoom: 1, fits: true };
  let shade = { center: 0, width: 1, function: "LINEAR", inverted: false, table: false, name: "" };
  let table = null;
  let tool = "window";
  let asked = 0;
  let timer = 0;
  let scheduled = false;

  const ratio = () => window.devicePixelRatio || 1;
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const shown = (value) => Number(value.toPrecision(5));

  // --- drawing
  const draw = () => {
    scheduled = false;
    if (!picture) return;
    const { head } = picture;
    const zoom = view.zoom * ratio();
    const high = zoom * head.aspect;
    const left = canvas.width / 2 - view.x * zoom;
    const top = canvas.height / 2 - view.y * high;
    const number = picture.size(Math.max(zoom, high));
    const part = 2 ** number;
    const { columns, rows } = picture.sizes[number];
    const box = {
      left: clamp(Math.floor(-left / zoom / part), 0, columns),
      right: clamp(Math.ceil((canvas.width - left) / zoom / part), 0, columns),
      top: clamp(Math.floor(-top / high / part), 0, rows),
      bottom: clamp(Math.ceil((canvas.height - top) / high / part), 0, rows),
    };
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    const [wide, tall] = [box.right - box.left, box.bottom - box.top];
    if (wide > 0 && tall > 0) {
      table = table || levels(head, shade);
      if (sheet.width !== wide || sheet.height !== tall) [sheet.width, sheet.height] = [wide, tall];
      const made = ink.createImageData(wide, tall);
      picture.paint(number, box, table, new Uint32Array(made.data.buffer));
      ink.putImageData(made, 0, 0);
      context.imageSmoothingEnabled = zoom < 4;
      context.imageSmoothingQuality = "high";
      const [across, down] = [zoom * part, high * part];
      context.drawImage(sheet, left + box.left * across, top + box.top * down, wide * across, tall * down);
    }
    byId("zoom").textContent = `${Math.round((zoom / head.step) * 100)} %`;
  };
  const redraw = () => {
    if (!scheduled) requestAnimationFrame(draw);
    scheduled = true;
  };
  const resize = () => {
    const { width, height } = canvas.getBoundingClientRect();
    canvas.width = Math.max(1, Math.round(width * ratio()));
    canvas.height = Math.max(1, Math.round(height * ratio()));
    if (picture && view.fits) fit();
    redraw();
  };

  // --- zoom
  const fit = () => {
    const { head } = picture;
    const [wide, tall] = [canvas.width / ratio(), canvas.height / ratio()];
    view = { x: head.columns / 2, y: head.rows / 2, zoom: Math.min(wide / head.columns, tall / (head.rows * head.aspect)), fits: true };
    redraw();
  };
  // Zooms so that the point (x, y) of the canvas, in CSS pixels, keeps its place.
  const zoomTo = (zoom, x, y) => {
    const [wide, tall] = [canvas.width / ratio(), canvas.height / ratio()];
    const [dx, dy] = [(x ?? wide / 2) - wide / 2, (y ?? tall / 2) - tall / 2];
    const next = clamp(zoom, 16 / Math.max(picture.head.columns, picture.head.rows), MOST_ZOOM);
    const before = view.zoom;
    view = {
      x: view.x + dx / before - dx / next,
      y: view.y + (dy / before - dy / next) / picture.head.aspect,
      zoom: next,
      fits: false,
    };
    redraw();
  };
  const move = (dx, dy) => {
    const { head } = picture;
    view.x = clamp(view.x - dx / view.zoom, 0, head.columns);
    view.y = clamp(view.y - dy / view.zoom / head.aspect, 0, head.rows);
    view.fits = false;
    redraw();
  };

  // --- window
  const setShade = (changes) => {
    shade = { ...shade, ...changes };
    table = null;
    fields.center.value = shown(shade.center);
    fields.width.value = shown(shade.width);
    preset.value = shade.name;
    root.querySelector("[data-do=invert]").setAttribute("aria-pressed", String(shade.inverted !== picture.head.invert));
    redraw();
  };
  const choose = (name) => {
    const { head } = picture;
    const number = Number(name.slice(1));
    const choices = {
      a: () => ({ ...head.auto, function: "LINEAR_EXACT", table: false }),
      f: () => ({ ...head.full, function: "LINEAR_EXACT", table: false }),
      t: () => ({ ...head.full, table: true }),
      w: () => ({ center: head.windows[number].center, width: head.windows[number].width, function: head.function, table: false }),
    };
    if (choices[name[0]]) setShade({ ...choices[name[0]](), name });
  };
  const first = () => (picture.head.table ? "t" : picture.head.windows.length ? "w0" : "f");
  const own = (changes) => {
    const width = Math.max(changes.width ?? shade.width, picture.head.slope / 1000);
    setShade({ ...changes, width, table: false, name: "o" });
  };
  const offer = () => {
    const { head } = picture;
    const add = (value, words) => preset.add(new Option(words, value));
    preset.replaceChildren();
    if (head.table) add("t", preset.dataset.table);
    head.windows.forEach((one, number) => add(`w${number}`, `${one.name || preset.dataset.image} (${shown(one.center)} / ${shown(one.width)})`));
    add("f", preset.dataset.full);
    add("a", preset.dataset.auto);
    add("o", preset.dataset.own);
  };

  // --- images and frames
  const tell = (words) => {
    byId("state").textContent = words;
  };
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    root.querySelector("[data-do=play]").setAttribute("aria-pressed", "false");
  };
  const arrived = (found, keepsView) => {
    const old = picture;
    picture = found;
    const { head } = found;
    const isAlike = keepsView && old && old.head.columns === head.columns && old.head.rows === head.rows && old.isColour === found.isColour;
    tell("");
    offer();
    if (isAlike && shade.name === "o") setShade({});
    else if (isAlike && [...preset.options].some((one) => one.value === shade.name)) choose(shade.name);
    else {
      setShade({ inverted: head.invert });
      choose(first());
    }
    if (!isAlike) fit();
    byId("frames").hidden = head.frames < 2;
    slider.max = head.frames;
    slider.value = head.frame + 1;
    byId("frame-number").textContent = `${head.frame + 1} / ${head.frames}`;
    byId("readout").textContent = `${head.stored_columns} × ${head.stored_rows}${head.step > 1 ? ` (${root.dataset.reduced.replace("{step}", head.step)})` : ""}`;
  };
  const ahead = () => {
    const { head } = picture;
    const next = links[links.indexOf(link) + 1];
    if (head.frames > 1) load(link.dataset.uid, (head.frame + 1) % head.frames).catch(() => {});
    else if (next && "picture" in next.dataset) load(next.dataset.uid, 0).catch(() => {});
  };
  const show = async (keepsView) => {
    asked += 1;
    const mine = asked;
    const waiting = setTimeout(() => tell(root.dataset.loading), 150);
    try {
      const found = await load(link.dataset.uid, frame);
      if (mine !== asked) return;
      arrived(found, keepsView);
      ahead();
    } catch (error) {
      if (mine !== asked) return;
      if (error.message === "away") location.reload();
      stop();
      picture = null;
      context.fillRect(0, 0, canvas.width, canvas.height);
      tell(root.dataset[error.message] || root.dataset.failed);
    } finally {
      clearTimeout(waiting);
    }
  };
  const point = () => {
    const uid = encodeURIComponent(link.dataset.uid);
    for (const one of document.querySelectorAll("a[data-href]")) one.href = one.dataset.href.replace("{uid}", uid).replace("{frame}", frame);
    history.replaceState(null, "", `${link.getAttribute("href")}${frame ? `&frame=${frame}` : ""}`);
  };
  const reveal = () => {
    const strip = byId("strip");
    const at = link.parentElement.offsetLeft - strip.offsetLeft;
    if (at < strip.scrollLeft || at + link.offsetWidth > strip.scrollLeft + strip.clientWidth) strip.scrollLeft = at - strip.clientWidth / 2;
  };
  const open = (next) => {
    if (!next || next === link) return;
    if (!("picture" in next.dataset)) {
      location.assign(next.href);
      return;
    }
    stop();
    const isStack = Boolean(next.dataset.stack) && next.dataset.stack === link.dataset.stack;
    link.removeAttribute("aria-current");
    next.setAttribute("aria-current", "true");
    link = next;
    reveal();
    frame = 0;
    byId("image-name").textContent = link.dataset.name;
    canvas.setAttribute("aria-label", link.dataset.name);
    point();
    show(isStack);
  };
  const turn = (steps) => open(links[links.indexOf(link) + steps]);
  const goTo = (number) => {
    if (!picture || picture.head.frames < 2) return Promise.resolve();
    frame = (number + picture.head.frames) % picture.head.frames;
    point();
    return show(true);
  };
  const play = () => {
    if (timer) {
      stop();
      return;
    }
    root.querySelector("[data-do=play]").setAttribute("aria-pressed", "true");
    const next = async () => {
      const began = performance.now();
      await goTo(frame + 1);
      const pause = 1000 / (picture?.head.rate || FRAMES_A_SECOND) - (performance.now() - began);
      if (timer) timer = setTimeout(next, Math.max(0, pause));
    };
    timer = setTimeout(next, 0);
  };

  // --- what a person does
  const ACTIONS = {
    in: () => zoomTo(view.zoom * STEP),
    out: () => zoomTo(view.zoom / STEP),
    fit,
    one: () => zoomTo(picture.head.step / ratio()),
    invert: () => setShade({ inverted: !shade.inverted }),
    auto: () => choose("a"),
    reset: () => {
      setShade({ inverted: picture.head.invert });
      choose(first());
      fit();
    },
    play,
  };
  const act = (name) => {
    if (name === "help") byId("help").showModal();
    else if (picture) ACTIONS[name]();
  };
  const take = (name) => {
    tool = name;
    canvas.classList.toggle("moving", tool === "move");
    for (const one of root.querySelectorAll("[data-tool]")) one.setAttribute("aria-pressed", String(one.dataset.tool === tool));
  };
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.tool) take(button.dataset.tool);
    if (button.dataset.do) act(button.dataset.do);
  });
  byId("strip").addEventListener("click", (event) => {
    const next = event.target.closest("a[data-uid]");
    if (!next || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(next);
  });
  preset.addEventListener("change", () => picture && choose(preset.value));
  for (const [name, field] of Object.entries(fields)) {
    field.addEventListener("change", () => {
      const value = Number.parseFloat(field.value);
      if (picture && Number.isFinite(value) && (name === "center" || value > 0)) own({ [name]: value });
    });
  }
  slider.addEventListener("input", () => {
    stop();
    goTo(slider.value - 1);
  });

  const pointers = new Map();
  const middle = () => {
    const all = [...pointers.values()];
    const [x, y] = [all.reduce((sum, one) => sum + one.x, 0) / all.length, all.reduce((sum, one) => sum + one.y, 0) / all.length];
    return { x, y, apart: all.length > 1 ? Math.hypot(all[0].x - all[1].x, all[0].y - all[1].y) : 0 };
  };
  const place = (event) => ({ x: event.offsetX, y: event.offsetY, moves: event.shiftKey || event.buttons > 1 });
  const read = ({ x, y }) => {
    const { head } = picture;
    const column = Math.floor((x - canvas.width / ratio() / 2) / view.zoom + view.x);
    const row = Math.floor((y - canvas.height / ratio() / 2) / view.zoom / head.aspect + view.y);
    const isInside = column >= 0 && row >= 0 && column < head.columns && row < head.rows;
    byId("readout").textContent = isInside ? `x ${column * head.step}  y ${row * head.step}  ${picture.value(column, row)}` : "";
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!picture) return;
    const before = pointers.has(event.pointerId) ? middle() : null;
    const here = place(event);
    read(here);
    if (!before) return;
    pointers.set(event.pointerId, { ...here, moves: here.moves || pointers.get(event.pointerId).moves });
    const after = middle();
    const [dx, dy] = [after.x - before.x, after.y - before.y];
    if (pointers.size > 1) {
      move(dx, dy);
      if (before.apart && after.apart) zoomTo((view.zoom * after.apart) / before.apart, after.x, after.y);
    } else if (tool === "move" || pointers.get(event.pointerId).moves) {
      move(dx, dy);
    } else {
      const unit = Math.max(shade.width, picture.head.full.width / 50) / 300;
      own({ center: shade.center + dy * unit, width: shade.width + dx * unit });
    }
  });
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const delta = event.deltaY || event.deltaX;
      if (!picture || !delta) return;
      if (!event.shiftKey && !event.altKey) zoomTo(view.zoom * Math.exp(-delta * 0.0015), event.offsetX, event.offsetY);
      else if (picture.head.frames > 1) goTo(frame + Math.sign(delta));
      else turn(Math.sign(delta));
    },
    { passive: false },
  );

  const KEYS = {
    ArrowLeft: () => turn(-1),
    ArrowRight: () => turn(1),
    ArrowUp: () => goTo(frame - 1),
    ArrowDown: () => goTo(frame + 1),
    "+": () => act("in"),
    "-": () => act("out"),
    0: () => act("fit"),
    1: () => act("one"),
    i: () => act("invert"),
    a: () => act("auto"),
    r: () => act("reset"),
    p: () => act("play"),
    "?": () => act("help"),
  };
  const MOVES = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    if (event.target.closest("input, select, textarea")) return;
    // A letter is a command only where one is in the viewer: elsewhere assistive programs may mean something else.
    if (event.key.length === 1 && !root.contains(event.target)) return;
    const by = event.shiftKey && MOVES[event.key];
    const action = by ? () => picture && move(...by) : KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || (!by && event.key.length > 4 && /Up|Down/.test(event.key) && !(picture && picture.head.frames > 1))) return;
    event.preventDefault();
    action();
  });

  byId("plain").remove();
  root.hidden = false;
  new ResizeObserver(resize).observe(canvas);
  resize();
  reveal();
  canvas.focus({ preventScroll: true });
  show(false);
})();
