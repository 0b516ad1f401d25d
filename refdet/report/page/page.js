"use strict";
// The page reads without this script; with it, tables sort and filter, and there is a choice of theme.
(() => {
  const make = (name, attributes, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  // Theme: as the system has it, until somebody chooses.
  const root = document.documentElement;
  const remember = (value) => {
    try { localStorage.setItem("refdet-theme", value); } catch { /* A file may have no storage. */ }
  };
  const remembered = () => {
    try { return localStorage.getItem("refdet-theme"); } catch { return null; }
  };
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  const before = remembered();
  if (before === "dark" || before === "light") root.dataset.theme = before;
  const theme = make("button", { type: "button", class: "theme" });
  const nameTheme = () => { theme.textContent = isDark() ? "Light page" : "Dark page"; };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    nameTheme();
  });
  prefersDark.addEventListener("change", nameTheme);
  nameTheme();
  document.querySelector(".top").append(theme);

  // Where one is in the page.
  const links = [...document.querySelectorAll(".contents a")];
  const sections = links.map((link) => document.getElementById(link.hash.slice(1)));
  const strip = document.querySelector(".contents ul");
  let current = null;
  const follow = () => {
    const line = innerHeight / 3;
    let place = sections.findLastIndex((section) => section.getBoundingClientRect().top <= line);
    if (place < 0) place = 0;
    const link = links[place];
    if (!link || link === current) return;
    if (current) current.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    current = link;
    const middle = link.offsetLeft - strip.offsetLeft - (strip.clientWidth - link.offsetWidth) / 2;
    strip.scrollTo({ left: middle });
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; follow(); });
  }, { passive: true });
  follow();

  // Sorting: a click or the keyboard on a header; again, the other way round. Undefined ones are last.
  const collator = new Intl.Collator("en", { numeric: true });
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (column === 0) return row.dataset.name ?? "";
    const value = cell.dataset.value;
    if (value === undefined) return null;
    return cell.classList.contains("n") ? Number(value) : value;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
  const sort = (table, column, direction) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return direction * compare(a, b);
    });
    body.append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const headers = [...table.tHead.rows[0].cells];
    headers.forEach((header, column) => {
      if (header.classList.contains("drawn")) return;
      const button = make("button", { type: "button" });
      button.append(...header.childNodes);
      header.append(button);
      header.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const old = header.getAttribute("aria-sort");
        // Of numbers, the highest come first; names begin with A.
        const first = header.classList.contains("n") ? "descending" : "ascending";
        const second = first === "descending" ? "ascending" : "descending";
        const next = old === first ? second : first;
        for (const other of headers) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
        header.setAttribute("aria-sort", next);
        sort(table, column, next === "ascending" ? 1 : -1);
      });
    });
  }

  // Filtering rows by name.
  for (const table of document.querySelectorAll("table[data-filterable]")) {
    const box = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    const count = make("output", {});
    const rows = [...table.tBodies[0].rows];
    const filter = () => {
      const wanted = box.value.trim().toLocaleLowerCase();
      let shown = 0;
      for (const row of rows) {
        row.hidden = !(row.dataset.name ?? "").toLocaleLowerCase().includes(wanted);
        shown += !row.hidden;
      }
      count.textContent = wanted ? `${shown} of ${rows.length}` : `${rows.length} rows`;
    };
    box.addEventListener("input", filter);
    const controls = make("div", { class: "controls" }, make("label", {}, `Filter “${table.caption.textContent}” by name`, box), count);
    table.closest(".scroll").before(controls);
    filter();
  }

  // Of many curves, a choice: the worst, the best, all, or one class.
  const FEW = 6;
  for (const charts of document.querySelectorAll("[data-choose]")) {
    const figures = [...charts.querySelectorAll("figure")];
    if (figures.length <= 2 * FEW) continue;
    const worst = [...figures].sort((a, b) => Number(a.dataset.value) - Number(b.dataset.value));
    const choices = [
      [`the ${FEW} with the lowest AP50`, worst.slice(0, FEW)],
      [`the ${FEW} with the highest AP50`, worst.slice(-FEW).reverse()],
      [`all ${figures.length}`, figures],
      ...figures.map((figure) => [figure.dataset.name, [figure]]),
    ];
    const select = make("select", {}, ...choices.map(([name], place) => make("option", { value: place }, name)));
    const show = () => {
      const chosen = choices[Number(select.value)][1];
      for (const figure of figures) figure.hidden = !chosen.includes(figure);
      charts.append(...chosen);
    };
    select.addEventListener("change", show);
    charts.before(make("div", { class: "controls" }, make("label", {}, "Show", select)));
    show();
  }
})();
