"use strict";
// The threshold explorer: a row for each class, and one for all of them together.
(() => {
  const source = document.getElementById("explorer-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const runs = document.getElementById("explorer-runs");
  const ALL = "All classes (micro)";

  // The even steps, and the threshold of the evaluation where that is none of them.
  function stepsOf(one) {
    if (one.steps) return one.steps;
    const steps = Array.from({ length: data.n_steps + 1 }, (_, step) => step / data.n_steps);
    if (!steps.includes(one.start)) steps.push(one.start);
    return steps.sort((a, b) => a - b);
  }

  // Changes from the highest step downwards become counts from the lowest upwards.
  function unpacked(changes) {
    let count = 0;
    return changes.split(",").map((change) => (count += Number(change))).reverse();
  }

  function nearest(steps, value) {
    let best = 0;
    steps.forEach((step, place) => {
      if (Math.abs(step - value) < Math.abs(steps[best] - value)) best = place;
    });
    return best;
  }

  // Three digits as the tables have them: halfway, which only sixteenths are, to the even one.
  function share(part, whole) {
    if (!whole) return "-";
    const value = part / whole;
    const thousandths = Math.floor(value * 1000);
    if (Number.isInteger(value * 16) && value * 1000 !== thousandths) {
      return ((thousandths + (thousandths % 2)) / 1000).toFixed(3);
    }
    return value.toFixed(3);
  }

  function show(row, right, wrong, objects) {
    const missed = objects - right;
    const texts = [
      share(right, right + wrong),
      share(right, objects),
      share(2 * right, 2 * right + wrong + missed),
      ...[right, wrong, missed].map((count) => count.toLocaleString("en")),
    ];
    row.querySelectorAll("td.n").forEach((cell, column) => {
      cell.textContent = texts[column];
    });
  }

  // A row whose slider and number stand for a place in `steps`; `moved` is told a new one.
  function rowOf(name, steps, moved) {
    const row = document.getElementById("explorer-row").content.firstElementChild.cloneNode(true);
    const [slider, number] = row.querySelectorAll("input");
    row.querySelector(".explorer-class bdi").textContent = name;
    row.querySelector(".explorer-class").title = name;
    slider.max = steps.length - 1;
    slider.setAttribute("aria-label", `score threshold of ${name}`);
    number.setAttribute("aria-label", `score threshold of ${name}, as a number`);
    number.min = steps[0];
    number.max = steps[steps.length - 1];
    function stand(place) {
      slider.value = place;
      slider.setAttribute("aria-valuetext", String(steps[place]));
      if (document.activeElement !== number) number.value = steps[place];
    }
    slider.addEventListener("input", () => moved(Number(slider.value)));
    number.addEventListener("input", () => {
      if (number.value !== "") moved(nearest(steps, Number(number.value)));
    });
    // What was typed between two steps becomes the step that is counted.
    number.addEventListener("change", () => {
      number.value = steps[slider.value];
    });
    return { row, stand, number };
  }

  function save(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  function startRun(run, place) {
    const part = document.getElementById("explorer-run").content.firstElementChild.cloneNode(true);
    const body = part.querySelector("tbody");
    part.querySelector(".explorer-name").textContent = shownName(run.name);
    part.querySelector(".tag").textContent = "AB"[place];
    part.querySelector(".tag").classList.add(`run-${"ab"[place]}`);
    part.querySelector("h3").hidden = data.runs.length === 1;
    part.querySelector(".explorer-scroll").setAttribute("aria-label", `thresholds of ${shownName(run.name)}`);
    const classes = run.classes.map((one) => ({
      name: one.name,
      start: one.start,
      objects: one.objects,
      steps: stepsOf(one),
      right: unpacked(one.true_positives),
      wrong: unpacked(one.false_positives),
    }));
    if (!classes.length) return;
    const lowest = Math.min(...classes.map((one) => one.steps[0]));
    const highest = Math.max(...classes.map((one) => one.steps[one.steps.length - 1]));
    const even = run.classes.every((one) => !one.steps);
    const allSteps = even
      ? stepsOf({ start: 0 })
      : Array.from({ length: data.n_steps + 1 }, (_, step) =>
          lowest + ((highest - lowest) * step) / data.n_steps);

    function together() {
      const sum = (count) => classes.reduce((total, one) => total + count(one), 0);
      show(
        all.row,
        sum((one) => one.right[one.place]),
        sum((one) => one.wrong[one.place]),
        sum((one) => one.objects),
      );
      const same = new Set(classes.map((one) => one.steps[one.place]));
      if (same.size === 1) all.stand(nearest(allSteps, [...same][0]));
      else if (document.activeElement !== all.number) all.number.value = "";
    }

    function put(one, place) {
      one.place = place;
      one.shown.stand(place);
      show(one.shown.row, one.right[place], one.wrong[place], one.objects);
    }

    const all = rowOf(ALL, allSteps, (place) => {
      all.stand(place);
      for (const one of classes) put(one, nearest(one.steps, allSteps[place]));
      together();
    });
    all.row.classList.add("explorer-all");
    body.append(all.row);
    for (const one of classes) {
      one.shown = rowOf(shownName(one.name), one.steps, (place) => {
        put(one, place);
        together();
      });
      body.append(one.shown.row);
    }
    function reset() {
      for (const one of classes) put(one, one.steps.indexOf(one.start));
      together();
    }
    part.querySelector(".explorer-reset").addEventListener("click", reset);
    const button = part.querySelector(".explorer-save");
    button.addEventListener("click", () => {
      const chosen = classes.map((one) => [one.name, one.steps[one.place]]);
      save("class_thresholds.json", thresholdFile(run, chosen));
    });
    if (lowest < 0 || highest > 1) {
      button.hidden = true;
      part.querySelector(".explorer-note").textContent =
        "Not to be saved: `refdet infer` gives scores in [0, 1] only.";
    }
    reset();
    runs.append(part);
  }

  // What `refdet infer --class-thresholds` reads. A map keeps a class called __proto__, too.
  function thresholdFile(run, chosen) {
    const lines = chosen.map(([name, value]) => `    ${JSON.stringify(name)}: ${value}`);
    return [
      "{",
      '  "format": "refdet class thresholds",',
      '  "version": 1,',
      '  "thresholds": {',
      lines.join(",\n"),
      "  },",
      `  "iou_threshold": ${run.iou_threshold},`,
      `  "run": ${JSON.stringify(run.name)},`,
      '  "chosen": "by hand in the page of refdet report"',
      "}",
      "",
    ].join("\n");
  }

  data.runs.forEach(startRun);
})();
