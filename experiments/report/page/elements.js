// ---- Elements. Everything that comes from data becomes text nodes or attribute values here: nothing is ever parsed as markup.

const sections = [];

function make(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
function draw(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}
function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

// New contents, with the keyboard's focus kept on the element of the same data-key.
function replace(holder, ...children) {
  const active = document.activeElement;
  const key = active && holder.contains(active) ? active.dataset.key : null;
  holder.replaceChildren(...children.flat(3).filter((child) => child));
  if (key) {
    const again = [...holder.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key);
    if (again) again.focus({ preventScroll: true });
  }
}

// Every section opens with its sentence (`says`, a text or a p.say that is filled later).
function section(id, name, short_name, says, ...children) {
  sections.push([id, short_name]);
  const sentence = typeof says === "string" ? make("p", { class: "say" }, tidy(says)) : says;
  document.getElementById("main").append(make("section", { id, "aria-labelledby": id + "-title" }, make("h2", { id: id + "-title" }, name), sentence, children));
}

function key_of(paint, text, dash) {
  const line = () => draw("svg", { width: 26, height: 8, "aria-hidden": "true" },
    draw("line", { x1: 1, x2: 25, y1: 4, y2: 4, stroke: paint, "stroke-width": 2.5, "stroke-dasharray": dash }));
  return make("span", { class: "key" }, dash ? line() : make("i", { style: "background: " + paint }), text);
}
const band_key = (paint, text) => make("span", { class: "key" }, make("i", { class: "band", style: "background: " + paint }), text);
const whisker_key = (text) => make("span", { class: "key" }, draw("svg", { width: 26, height: 10, "aria-hidden": "true" },
  draw("path", { d: "M2 1V9M2 5H24M24 1V9", fill: "none", stroke: "var(--ink)", "stroke-width": 1.4 })), text);

// heads: [name, class]. Wide tables scroll by themselves, by keyboard too.
function table_of(heads, body, attributes, label) {
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label || "table" }, make("table", attributes || {},
    make("thead", {}, make("tr", {}, heads.map(([name, kind]) => make("th", { class: kind, scope: "col" }, name)))), make("tbody", {}, body)));
}

// ---- Files for the reader to keep.

function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: url, download: name }).click();
  // A busy browser may begin to read long after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
const quote = (value) => (/[",\n\r]/.test(value) ? '"' + value.replace(/"/g, '""') + '"' : value);
const csv = (table) => table.map((line) => line.map((value) => quote(known(value) ? String(value) : "")).join(",")).join("\n") + "\n";
// `lines` gives the table when it is asked for: what is shown at that moment, with every digit.
const csv_button = (name, lines, label = "Download csv") => make("button", { type: "button", class: "quiet", "data-csv": name, onclick: () => download(name, "text/csv", csv(lines())) }, label);

// ---- Text in pictures.

const ruler = document.createElement("canvas").getContext("2d");
const type_face = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif";
function text_width(text, size) {
  ruler.font = size + "px " + type_face;
  return ruler.measureText(text).width;
}
function fit(text, width, size) {
  if (text_width(text, size) <= width) return text;
  let length = text.length;
  while (length > 1 && text_width(text.slice(0, length) + "…", size) > width) --length;
  return text.slice(0, length) + "…";
}
// Round numbers from low to high, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const result = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i) result.push(Number((i * step).toPrecision(12)));
  return result;
}
