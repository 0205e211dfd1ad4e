// ---- Numbers as text.

const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
const at = (object, key) => (object && Object.hasOwn(object, key) ? object[key] : undefined);
const minus = (text) => text.replace(/^-/, "\u2212");
const fixed = (value, digits) => (known(value) ? minus(Number(value).toFixed(digits)) : "–");
const percent = (value) => (known(value) ? (100 * value).toFixed(0) + "%" : "–");
function short(value) {
  if (!known(value)) return "–";
  const size = Math.abs(value);
  return minus(size !== 0 && (size < 0.001 || size >= 10000) ? value.toExponential(1) : String(Number(value.toPrecision(3))));
}
const three = (value) => (known(value) && Math.abs(value) >= 0.001 && Math.abs(value) < 1000 ? minus(value.toPrecision(3)) : short(value));
function duration(seconds) {
  if (!known(seconds)) return "–";
  const whole = Math.round(seconds);
  if (whole < 60) return whole + " s";
  if (whole < 3600) return Math.floor(whole / 60) + " min " + (whole % 60) + " s";
  return Math.floor(whole / 3600) + " h " + Math.floor((whole % 3600) / 60) + " min";
}
const many = (count, word) => count + " " + word + (count === 1 ? "" : "s");
function list_of(names, most = 12) {
  if (names.length < 2) return names.join("");
  if (names.length > most) return names.slice(0, most - 2).join(", ") + " and " + (names.length - most + 2) + " others";
  return names.slice(0, -1).join(", ") + " and " + names[names.length - 1];
}
function mean(values) {
  const all = values.filter(known);
  return all.length ? all.reduce((a, b) => a + b, 0) / all.length : null;
}
const clamp = (value, low = 0, high = 1) => Math.max(low, Math.min(high, value));
// Names may end in a full stop, and sentences end in one.
const tidy = (text) => text.replace(/\.\.(?=\s|$)/g, ".");
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
