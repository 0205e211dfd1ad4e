// ---- How well linear readouts of the encoded images foretold the measured transfers.

function forecast_section() {
  const measured = data.forecast || {};
  const list = (measured.targets || []).filter((entry) => known(entry.spearman));
  if (!list.length) return;
  const sorted = [...list].sort((a, b) => b.spearman - a.spearman);
  const same = list.filter((entry) => entry.best_forecast === entry.best_measured).length;
  const gains = known(measured.mean_gain_of_forecast) && known(measured.mean_gain_of_best)
    ? " Its first choices gain " + fixed(measured.mean_gain_of_forecast, 2) + " on average where the best measured sources gain " + fixed(measured.mean_gain_of_best, 2) + "." : "";
  const gain = (value) => known(value) ? fixed(value, 2) : "–";
  section("forecast", "Forecast without training", "Forecast",
    "Reading targets off the encoded images by ridge regression, without training anything, ranks first-order sources like the measured transfers with a mean Spearman correlation of " +
      minus(fixed(measured.mean_spearman, 2)) + " over " + many(list.length, "target") + "; for " + same + " of them the best source is the same." + gains,
    table_of([["target"], ["Spearman"], ["best by forecast"], ["its measured gain"], ["best measured"], ["its gain"]], sorted.map((entry) => make("tr", {}, make("td", {}, title(entry.target)),
      make("td", {}, minus(fixed(entry.spearman, 2)), make("span", { class: "meter" }, make("i", { style: "background: var(--accent); width: " + 100 * Math.max(0, entry.spearman) + "%" }))),
      make("td", {}, title(entry.best_forecast)), make("td", {}, gain(entry.gain_of_forecast)), make("td", {}, title(entry.best_measured)), make("td", {}, gain(entry.gain_of_best)))), {}, "forecast by target"),
    make("p", { class: "note" }, "The readout is linear, sees a few pixels of each label, and learns from the same images as the transfers: it underrates sources whose information needs a network to come out, " +
      "and overrates those that spell it out. It knows first order alone. Use it to decide what to measure first, not instead of measuring."),
    make("div", { class: "controls tight" }, csv_button("forecast.csv", () => [["target", "sources", "spearman", "kendall", "best_forecast", "gain_of_forecast", "best_measured", "gain_of_best"],
      ...list.map((entry) => [entry.target, entry.sources, entry.spearman, entry.kendall, entry.best_forecast, entry.gain_of_forecast, entry.best_measured, entry.gain_of_best])])));
}
