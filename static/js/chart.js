// Reads a chart out: pointer, touch or arrow keys move a line over the plot, the key shows the figures of that time.
// The figures are those of the table under the chart; without this script the table is there all the same.
function enhance(figure) {
  const plot = figure.querySelector("[data-plot]");
  const cursor = figure.querySelector("[data-cursor]");
  const at = figure.querySelector("[data-at]");
  const rows = [...figure.querySelectorAll("tr[data-x]")];
  if (!plot || !rows.length) return;
  const places = rows.map((row) => Number(row.dataset.x));
  const items = [...figure.querySelectorAll(".legend li[data-column]")].map((item) => ({
    value: item.querySelector(".legend__value"),
    column: Number(item.dataset.column),
    rest: item.querySelector(".legend__value").textContent,
  }));
  const atRest = at.textContent;
  let index = -1;

  plot.tabIndex = 0;
  plot.setAttribute("role", "slider");
  plot.setAttribute("aria-label", plot.dataset.label);
  plot.setAttribute("aria-valuemin", "1");
  plot.setAttribute("aria-valuemax", String(rows.length));
  plot.setAttribute("aria-valuenow", String(rows.length));
  plot.setAttribute("aria-valuetext", atRest);

  function show(next) {
    index = Math.max(0, Math.min(rows.length - 1, next));
    const row = rows[index];
    const title = row.cells[0].textContent.trim();
    const x = `${(places[index] * 100).toFixed(2)}%`;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", "visible");
    at.textContent = title;
    for (const item of items) item.value.textContent = row.cells[item.column].textContent;
    plot.setAttribute("aria-valuenow", String(index + 1));
    const heads = figure.querySelectorAll("thead th");
    plot.setAttribute(
      "aria-valuetext",
      `${title}: ${[...row.cells].slice(1).map((cell, i) => `${heads[i + 1].textContent} ${cell.textContent}`).join(", ")}`,
    );
  }

  function rest() {
    index = -1;
    cursor.setAttribute("visibility", "hidden");
    at.textContent = atRest;
    for (const item of items) item.value.textContent = item.rest;
  }

  function nearest(clientX) {
    const box = plot.getBoundingClientRect();
    const fraction = (clientX - box.left) / box.width;
    let best = 0;
    for (let i = 1; i < places.length; i += 1) {
      if (Math.abs(places[i] - fraction) < Math.abs(places[best] - fraction)) best = i;
    }
    return best;
  }

  plot.addEventListener("pointermove", (event) => show(nearest(event.clientX)));
  plot.addEventListener("pointerleave", rest);
  plot.addEventListener("blur", rest);
  const open = () => {
    const link = index >= 0 && rows[index].querySelector("a");
    if (link) link.click();
  };
  plot.addEventListener("click", (event) => {
    show(nearest(event.clientX));
    if (event.pointerType !== "touch") open();
  });
  plot.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.round(rows.length / 12));
    const now = index < 0 ? rows.length - 1 : index;
    const moves = {
      ArrowLeft: now - 1,
      ArrowRight: index < 0 ? now : now + 1,
      PageDown: now - page,
      PageUp: now + page,
      Home: 0,
      End: rows.length - 1,
    };
    if (event.key in moves) {
      event.preventDefault();
      show(moves[event.key]);
    } else if (event.key === "Enter") open();
    else if (event.key === "Escape") rest();
  });
  if (rows.some((row) => row.querySelector("a"))) plot.classList.add("chart__plot--opens");
}

export function enhanceAll(root = document) {
  for (const figure of root.querySelectorAll("[data-chart]:not([data-ready])")) {
    figure.dataset.ready = "";
    enhance(figure);
  }
}

enhanceAll();
document.addEventListener("htmx:afterSettle", (event) => enhanceAll(event.target));
