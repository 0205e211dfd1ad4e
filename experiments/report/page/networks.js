// ---- Have the networks learnt? Each task's own network against guesses and baselines.

const metrics_text = (network, most) => (network.metrics || []).filter((metric) => known(metric.value)).slice(0, most)
  .map((metric) => metric.name.replaceAll("_", " ") + " " + short(metric.value) + (metric.unit ? " " + metric.unit : "")).join(" · ");

function networks() {
  const trained = [...tasks.values()].filter((task) => at(task.networks, "self"));
  if (!trained.length) return;
  const judged = trained.filter((task) => known(task.beats_constant));
  const rest = judged.filter((task) => task.beats_constant <= 0.8);
  const loss_of = (task, name) => (at(task.networks, name) || {}).mean_loss;
  // Columns that no task has anything for are left out.
  const roles = [["self", "test loss"], ["constant", "constant"], ["random_encoder", "random encoder"], ["scratch", "scratch"]].filter(([name]) => trained.some((task) => at(task.networks, name)));
  const wins = [["beats_random_encoder", "beats random encoder"], ["beats_scratch", "beats scratch"]].filter(([key]) => trained.some((task) => known(task[key])));
  const body = trained.map((task) => {
    const low = known(task.beats_constant) && task.beats_constant <= 0.8;
    return make("tr", {}, make("td", {}, make("button", { type: "button", class: "link", onclick: () => open_task(task.name) }, title(task.name))),
      make("td", { class: low ? "bad" : "good" }, percent(task.beats_constant), known(task.beats_constant)
        ? make("span", { class: "meter" + (low ? " low" : "") }, make("i", { style: "width: " + 100 * clamp(task.beats_constant) + "%" })) : null),
      wins.map(([key]) => make("td", {}, percent(task[key]))), roles.map(([name]) => make("td", {}, three(loss_of(task, name)))), make("td", { class: "text" }, metrics_text(task.networks.self, 3)));
  });
  const drawn = trained.map((task) => curve(task, 300, 160)).filter(Boolean).map((picture) => make("div", { class: "panel" }, picture));
  const lines = () => [["task", "beats_constant", ...wins.map(([key]) => key), ...roles.map(([name]) => "loss_" + name), "metrics"],
    ...trained.map((task) => [task.name, task.beats_constant, ...wins.map(([key]) => task[key]), ...roles.map(([name]) => loss_of(task, name)),
      (task.networks.self.metrics || []).filter((metric) => known(metric.value)).map((metric) => metric.name + "=" + metric.value + (metric.unit ? " " + metric.unit : "")).join("; ")])];
  section("networks", "Have the networks learnt?", "Networks",
    judged.length ? (judged.length - rest.length) + " of " + judged.length + " task-specific networks beat the best constant guess on more than 80% of test images" +
      (rest.length ? "; read what follows about " + list_of(rest.map((task) => title(task.name))) + " with care." : ".") : many(trained.length, "task-specific network") + " were trained; none has been compared with a constant guess.",
    wins.length && wins[0][0] === "beats_random_encoder" ? make("p", {}, "A network that beats the same head on an encoder left as it was drawn owes it to what its encoder has learnt.") : null,
    table_of([["task"], ["beats constant"], ...wins.map(([, label]) => [label]), ...roles.map(([, label]) => [label]), ["metrics of the network", "text"]], body, { id: "learnt" }, "each task's own network"),
    make("div", { class: "controls tight" }, csv_button("networks.csv", lines)),
    drawn.length ? [make("h3", { class: "apart" }, "Losses over time"), make("div", { class: "curves" }, drawn), curve_keys()] : null);
}

const curve_keys = () => make("div", { class: "keys" }, key_of("var(--gain)", "training"), key_of("var(--quality)", "validation"), key_of("var(--soft)", "best constant guess, on test images", "4 3"));

function curve(task, width, height) {
  const points = (at(task.networks, "self") || {}).curve || [];
  const constant = (at(task.networks, "constant") || {}).mean_loss;
  const values = points.flatMap((point) => [point.train_loss, point.validation_loss]).filter(known);
  if (!values.length) return null;
  const plot = { w: width, h: height, l: 48, r: 10, t: 28, b: 22 };
  const sorted = [...values].sort((a, b) => a - b);
  const low = Math.min(sorted[0], 0);
  const high = Math.max(sorted[Math.floor(0.95 * (sorted.length - 1))], known(constant) ? 1.12 * constant : 0, low + 1e-9);
  const last = Math.max(...points.map((point) => point.step), 1);
  const x = (step) => plot.l + step / last * (plot.w - plot.l - plot.r);
  const y = (value) => plot.h - plot.b - Math.min(1, (value - low) / (high - low)) * (plot.h - plot.t - plot.b);
  const svg = draw("svg", { viewBox: "0 0 " + plot.w + " " + plot.h, width: "100%", role: "img", "aria-label": "losses of " + title(task.name) });
  svg.append(draw("text", { x: 2, y: 14, style: "font-weight: 600" }, fit(title(task.name), plot.w - 20, 13)));
  for (const tick of ticks(low, high, 3)) {
    svg.append(draw("line", { class: "axis", x1: plot.l, x2: plot.w - plot.r, y1: y(tick), y2: y(tick) }), draw("text", { class: "dim", x: plot.l - 5, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  svg.append(draw("text", { class: "dim", x: plot.w - plot.r, y: plot.h - 5, "text-anchor": "end" }, many(last, "step")));
  if (known(constant)) svg.append(draw("line", { x1: plot.l, x2: plot.w - plot.r, y1: y(constant), y2: y(constant), stroke: "var(--soft)", "stroke-width": 1.5, "stroke-dasharray": "4 3" }));
  for (const [key, paint] of [["train_loss", "var(--gain)"], ["validation_loss", "var(--quality)"]]) {
    const line = points.filter((point) => known(point[key]));
    if (line.length === 1) svg.append(draw("circle", { cx: x(line[0].step), cy: y(line[0][key]), r: 3, fill: paint }));
    else svg.append(draw("polyline", { points: line.map((point) => x(point.step).toFixed(1) + "," + y(point[key]).toFixed(1)).join(" "), fill: "none", stroke: paint, "stroke-width": 2 }));
  }
  return svg;
}
