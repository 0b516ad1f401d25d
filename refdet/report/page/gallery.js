"use strict";
// The gallery of errors: filters all of them, shows a page, enlarges one, exports image names.
(() => {
  const source = document.getElementById("gallery-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const PER_PAGE = 48;
  const LONGEST_TAG = 24;
  const MISSED = data.kinds.indexOf("missed");
  const SVG = "http://www.w3.org/2000/svg";
  const element = (name) => document.getElementById(`gallery-${name}`);
  const form = element("form");
  const field = (name) => form.elements.namedItem(name);
  const lowerImages = data.images.map((image) => image.toLowerCase());
  const runs = data.runs.map((run) => ({ ...run, ticked: new Set(), errors: null }));
  let run = runs[0]; // shown, as are these rows of it in this order, of which one is enlarged
  let rows = [];
  let page = 0;
  let enlarged = 0;

  // A run's columns as arrays of numbers, made when it is first shown; nothing is NaN.
  function opened(one) {
    const columns = {};
    const size = one.columns.image === "" ? 0 : one.columns.image.split(",").length;
    for (const [name, text] of Object.entries(one.columns)) {
      const column = new Float64Array(size);
      if (size) {
        text.split(",").forEach((value, row) => {
          column[row] = value === "" ? NaN : Number(value);
        });
      }
      columns[name] = column;
    }
    columns.area = columns.w.map((width, row) => width * columns.h[row]);
    return { size, ...columns };
  }

  const counted = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
  const inImages = (count) => counted(count, "image", "images");
  const digits = (value) => (Number.isNaN(value) ? "-" : value.toFixed(3));

  function found() {
    const { size, label, kind, score, image, crop } = run.errors;
    const number = (name, otherwise) => {
      const given = field(name).value;
      return given === "" ? otherwise : Number(given);
    };
    const wantedLabel = number("label", -1);
    const low = number("low", -Infinity);
    const high = number("high", Infinity);
    const limited = low !== -Infinity || high !== Infinity;
    const kinds = data.kinds.map((_, place) => field(`kind${place}`).checked);
    const part = field("image").value.toLowerCase();
    const named = part ? lowerImages.map((name) => name.includes(part)) : null;
    const pictured = field("pictured").checked;
    const matching = [];
    for (let row = 0; row < size; row += 1) {
      if (wantedLabel >= 0 && label[row] !== wantedLabel) continue;
      if (!kinds[kind[row]]) continue;
      // A missed object has no score, so that no limit lets it pass.
      if (limited && !(score[row] >= low && score[row] <= high)) continue;
      if (named && !named[image[row]]) continue;
      if (pictured && Number.isNaN(crop[row])) continue;
      matching.push(row);
    }
    return sorted(matching);
  }

  // Rows are by score already, the missed objects last.
  function sorted(matching) {
    const order = field("order").value;
    if (order === "score") return matching;
    const column = run.errors[order.replace("-", "")];
    const sign = order === "image" || order === "-score" ? 1 : -1;
    const key = (row) => (Number.isNaN(column[row]) ? Infinity : sign * column[row]);
    return matching.sort((a, b) => {
      const [first, second] = [key(a), key(b)];
      return first === second ? a - b : first - second;
    });
  }

  function filter() {
    rows = found();
    page = 0;
    const { image, kind } = run.errors;
    const wrong = new Set();
    for (const row of rows) if (kind[row] !== MISSED) wrong.add(image[row]);
    run.wrong = wrong;
    element("status").textContent =
      `${rows.length.toLocaleString("en")} of ${counted(run.errors.size, "error", "errors")}, ` +
      `in ${inImages(new Set(rows.map((row) => image[row])).size)}`;
    showPage();
    showTicks();
  }

  // Images of what is ticked or, without any tick, of the false positives that the filters leave.
  function excluded() {
    const chosen = run.ticked.size ? run.ticked : run.wrong;
    return [...chosen].sort((a, b) => a - b).map((place) => data.images[place]);
  }

  function showTicks() {
    const count = excluded().length;
    element("save").textContent = run.ticked.size
      ? `Save exclude list (${inImages(count)} ticked)`
      : `Save exclude list (${inImages(count)} with these false positives)`;
    element("save").disabled = count === 0;
    element("untick").hidden = !run.ticked.size;
    element("warning").textContent = "";
    for (const tick of document.querySelectorAll(".gallery-tick")) {
      tick.checked = run.ticked.has(Number(tick.value));
    }
    element("dialog-tick").checked = run.ticked.has(run.errors.image[rows[enlarged]]);
  }

  function tick(image, on) {
    if (on) run.ticked.add(image);
    else run.ticked.delete(image);
    showTicks();
  }

  // A name that is written from right to left must not turn around what stands beside it.
  function isolated(name) {
    const bdi = document.createElement("bdi");
    bdi.textContent = shownName(name);
    return bdi;
  }

  const textOf = (parts) => parts.map((part) => part.textContent ?? part).join("");

  function title(row) {
    const { label, score } = run.errors;
    const name = isolated(data.classes[label[row]]);
    return Number.isNaN(score[row]) ? [name] : [name, ` ${digits(score[row])}`];
  }

  function what(row) {
    const { kind, best_iou: iou, confused_with: confused } = run.errors;
    const other = data.classes[confused[row]];
    const parts = [data.kinds[kind[row]]];
    if (other !== undefined) parts.push(" with ", isolated(other));
    if (!Number.isNaN(iou[row])) parts.push(`, IoU with its class ${iou[row].toFixed(2)}`);
    return parts;
  }

  function showPage() {
    const nPages = Math.max(1, Math.ceil(rows.length / PER_PAGE));
    page = Math.min(Math.max(page, 0), nPages - 1);
    const shown = rows.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
    element("cards").replaceChildren(...shown.map((row, place) => cardOf(row, place)));
    element("page").value = page + 1;
    element("page").max = nPages;
    element("of").textContent = `of ${nPages.toLocaleString("en")}`;
    element("previous").disabled = page === 0;
    element("next").disabled = page === nPages - 1;
  }

  function cardOf(row, place) {
    const card = element("card").content.firstElementChild.cloneNode(true);
    const image = run.errors.image[row];
    const name = data.images[image];
    card.querySelector(".gallery-picture").append(pictureOf(row, false));
    card.querySelector(".gallery-title").append(...title(row));
    card.querySelector(".gallery-what").append(...what(row));
    card.querySelector(".gallery-image").append(isolated(name));
    const box = card.querySelector(".gallery-tick");
    box.value = image;
    box.checked = run.ticked.has(image);
    box.setAttribute("aria-label", `exclude image ${shownName(name)}`);
    box.addEventListener("change", () => tick(image, box.checked));
    card.querySelector(".gallery-open").addEventListener("click", () => {
      enlarge(page * PER_PAGE + place);
      element("dialog").showModal();
    });
    return card;
  }

  function drawn(name, attributes) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  }

  function rectangle(x, y, width, height, kind, tip) {
    const group = drawn("g", { class: kind });
    const text = drawn("title", {});
    text.textContent = tip;
    // A light line below the coloured one parts it from a ground of a like colour.
    for (const line of ["gallery-halo", "gallery-line"]) {
      group.append(drawn("rect", { x, y, width, height, class: line }));
    }
    group.append(text);
    return group;
  }

  // The class of a box above its upper edge, or below that where there is no room; big enough to
  // be read in whatever part of the image is shown.
  function tagOf([left, top, right], x, y, width, label, kind) {
    const size = (right - left) / 32;
    const name = [...shownName(data.classes[label])];
    const late = x + width / 2 > (left + right) / 2;
    const tag = drawn("text", {
      x: late ? Math.min(x + width, right) : Math.max(x, left),
      y: y - top < 1.4 * size ? Math.max(y, top) + size : y - size / 3,
      "text-anchor": late ? "end" : "start",
      "font-size": size,
      "stroke-width": size / 4,
      class: `gallery-tag ${kind}`,
    });
    tag.textContent = name.length > LONGEST_TAG ? `${name.slice(0, LONGEST_TAG).join("")}…` : name.join("");
    return tag;
  }

  // In a card there is no room for the names of its boxes.
  function pictureOf(row, tagged) {
    const { crop, x, y, w, h } = run.errors;
    if (Number.isNaN(crop[row])) {
      const nothing = document.createElement("span");
      nothing.className = "gallery-nothing";
      nothing.textContent = "no picture";
      return nothing;
    }
    const { region, objects, webp } = data.crops[crop[row]];
    const [left, top, right, bottom] = region;
    const svg = drawn("svg", {
      viewBox: `${left} ${top} ${right - left} ${bottom - top}`,
      role: "img",
      "aria-label": textOf([...title(row), ", ", ...what(row)]),
    });
    svg.append(drawn("image", {
      href: `data:image/webp;base64,${webp}`,
      x: left,
      y: top,
      width: right - left,
      height: bottom - top,
      preserveAspectRatio: "none",
    }));
    for (const [label, x1, y1, x2, y2] of objects) {
      svg.append(rectangle(x1, y1, x2 - x1, y2 - y1, "gallery-object", shownName(data.classes[label])));
    }
    svg.append(rectangle(x[row], y[row], w[row], h[row], "gallery-error", textOf(title(row))));
    if (tagged) {
      for (const [label, x1, y1, x2] of objects) {
        svg.append(tagOf(region, x1, y1, x2 - x1, label, "gallery-object"));
      }
    }
    return svg;
  }

  function factsOf(row) {
    const { kind, score, best_iou: iou, image, x, y, w, h, crop } = run.errors;
    const facts = [["kind", data.kinds[kind[row]]]];
    const other = data.classes[run.errors.confused_with[row]];
    if (other !== undefined) facts.push(["covers a", other]);
    if (kind[row] !== MISSED) {
      facts.push(["score", digits(score[row])], ["IoU with its class", digits(iou[row])]);
    }
    facts.push(["image", data.images[image[row]]]);
    facts.push(["box", `${w[row]} × ${h[row]} px at ${x[row]}, ${y[row]}`]);
    if (!Number.isNaN(crop[row])) {
      const counts = new Map();
      for (const [label] of data.crops[crop[row]].objects) {
        counts.set(label, (counts.get(label) ?? 0) + 1);
      }
      const there = [...counts].map(([label, count]) => `${count} ${shownName(data.classes[label])}`);
      facts.push(["annotated here", there.join(", ") || "nothing"]);
    }
    return facts;
  }

  function enlarge(place) {
    enlarged = Math.min(Math.max(place, 0), rows.length - 1);
    const row = rows[enlarged];
    const dialog = element("dialog");
    element("dialog-title").replaceChildren(...title(row));
    dialog.querySelector(".gallery-picture").replaceChildren(pictureOf(row, true));
    const facts = factsOf(row).flatMap(([name, value]) => {
      const [term, detail] = ["dt", "dd"].map((tag) => document.createElement(tag));
      term.textContent = name;
      detail.append(isolated(value));
      return [term, detail];
    });
    element("facts").replaceChildren(...facts);
    element("place").textContent =
      `${(enlarged + 1).toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
    // A button that is disabled would lose the focus, and the arrow keys with it.
    element("back").setAttribute("aria-disabled", enlarged === 0);
    element("on").setAttribute("aria-disabled", enlarged === rows.length - 1);
    showTicks();
  }

  function startDialog() {
    const dialog = element("dialog");
    element("back").addEventListener("click", () => enlarge(enlarged - 1));
    element("on").addEventListener("click", () => enlarge(enlarged + 1));
    element("close").addEventListener("click", () => dialog.close());
    element("dialog-tick").addEventListener("change", (event) => {
      tick(run.errors.image[rows[enlarged]], event.target.checked);
    });
    dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      enlarge(enlarged + step);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // beside it
    });
    // Back to the card of what was looked at last, which may be on another page.
    dialog.addEventListener("close", () => {
      const there = Math.floor(enlarged / PER_PAGE);
      if (there !== page) {
        page = there;
        showPage();
      }
      document.querySelectorAll(".gallery-open")[enlarged % PER_PAGE]?.focus();
    });
  }

  function save() {
    const names = excluded();
    // The lines of Python's splitlines, by which the list is read.
    const broken = names.filter((name) => /[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/.test(name));
    const lines = names.filter((name) => !broken.includes(name));
    const link = document.createElement("a");
    const text = lines.map((name) => `${name}\n`).join("");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = "false_positive_images.txt";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    element("warning").textContent = broken.length
      ? `Left out: ${inImages(broken.length)} whose name holds a line break.`
      : "";
  }

  function note() {
    const { size, crop } = run.errors;
    const sentences = [];
    if (run.n_errors > size) {
      sentences.push(
        `The page has room for ${size.toLocaleString("en")} of ` +
        `${counted(run.n_errors, "error", "errors")}, of each kind and class in turn those with ` +
        "the highest scores; all are in what refdet evaluate --output writes.");
    }
    const nPictures = crop.reduce((sum, one) => sum + !Number.isNaN(one), 0);
    if (!data.has_images) sentences.push("There are no pictures: no image files were found.");
    else if (nPictures < size) {
      sentences.push(
        `${nPictures.toLocaleString("en")} have a picture, of each kind and class in turn those ` +
        "with the highest scores; images that cannot be opened have none.");
    }
    element("note").textContent = sentences.join(" ");
    const unlisted = run.n_errors - size;
    element("cut").textContent = unlisted
      ? `It knows the listed errors only: ${counted(unlisted, "other is", "others are")} left out.`
      : "";
    document.querySelector(".gallery-pictured").hidden = nPictures === 0 || nPictures === size;
    if (nPictures === 0 || nPictures === size) field("pictured").checked = false;
  }

  function showRun(place) {
    run = runs[place];
    run.errors ??= opened(run);
    const perKind = new Array(data.kinds.length).fill(0);
    run.errors.kind.forEach((kind) => (perKind[kind] += 1));
    perKind.forEach((count, kind) => {
      document.getElementById(`gallery-count${kind}`).textContent = count.toLocaleString("en");
    });
    note();
    filter();
  }

  function option(value, text) {
    const one = document.createElement("option");
    one.value = value;
    one.textContent = text;
    return one;
  }

  function startForm() {
    field("run").append(...runs.map((one, place) => option(place, shownName(one.name))));
    form.querySelector(".gallery-run").hidden = runs.length === 1;
    field("label").append(...data.classes.map((name, label) => option(label, shownName(name))));
    data.kinds.forEach((kind, place) => {
      const label = document.createElement("label");
      label.className = "gallery-check";
      const box = document.createElement("input");
      Object.assign(box, { type: "checkbox", name: `kind${place}`, checked: true });
      const count = document.createElement("span");
      Object.assign(count, { id: `gallery-count${place}`, className: "gallery-quiet" });
      label.append(box, ` ${kind} `, count);
      form.querySelector("fieldset").append(label);
    });
    form.addEventListener("input", (event) => {
      if (event.target === field("run")) showRun(Number(field("run").value));
      else filter();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  function startPages() {
    const turn = (to) => {
      page = to;
      showPage();
    };
    element("previous").addEventListener("click", () => turn(page - 1));
    element("next").addEventListener("click", () => turn(page + 1));
    element("page").addEventListener("change", (event) => turn(Number(event.target.value) - 1));
    element("save").addEventListener("click", save);
    element("untick").addEventListener("click", () => {
      run.ticked.clear();
      showTicks();
    });
  }

  startForm();
  startPages();
  startDialog();
  showRun(0);
  form.hidden = false;
  element("found").hidden = false;
})();
