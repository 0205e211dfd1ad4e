// ---- Do tasks share well? Joint networks beside the tasks' own: delta-m by balancer, what happened while they trained, pairs.

const balancer_title = (arm) => arm.balancer + (arm.missing_labels > 0 ? ", " + percent(arm.missing_labels) + " of labels missing" : "");
const group_title = (names) => (names.length > 6 ? many(names.length, "task") : list_of(names.map(title)));
const signed = (value, digits) => (known(value) ? (value > 0 ? "+" : "") + fixed(value, digits === undefined ? 1 : digits) + "%" : "–");
const hue_of = (i) => "var(--hue-" + i % 8 + ")";
const dash_of = (i) => (i < 8 ? null : i < 16 ? "5 3" : "2 3");
const ends_text = (part) => (part && known(part.low) && known(part.high) ? signed(part.low) + " to " + signed(part.high) : "");

function multi_task() {
  const joint = summary.multi_task;
  const arms = ((joint || {}).trainings || []).filter((arm) => (arm.tasks || []).length && (arm.per_task || []).length);
  if (!arms.length) return;
  const groups = [...new Map(arms.map((arm) => [arm.tasks.join("+"), arm.tasks])).values()].sort((a, b) => b.length - a.length);
  const of_group = (i) => arms.filter((arm) => arm.tasks.join("+") === groups[i].join("+"));
  // One balancer alone makes no front.
  const planes = (joint.pareto || []).filter((plane) => (plane.points || []).length > 1);
  // First the pair under most balancers.
  const view = { group: 0, arm: 0, plane: planes.reduce((best, plane, i) => (plane.points.length > planes[best].points.length ? i : best), 0) };
  const chooser = (id, names, key) => make("select", { id, onchange: (event) => { view[key] = Number(event.target.value); if (key === "group") view.arm = 0; draw_all(); } }, names.map((name, i) => make("option", { value: i }, name)));
  const bars = make("div", {});
  const numbers = make("div", {});
  const table = make("div", {});
  const time = make("div", {});
  const arm_holder = make("label", {});
  const plane_holder = make("div", {});
  const compared = arms.some((arm) => arm.delta_m);
  const lines = () => [["tasks", "balancer", "missing_labels", "seeds", "delta_m_metrics", "low", "high", "delta_m_tasks", "low", "high", "loss_change", "low", "high", "loss_change_images_low", "loss_change_images_high", "parameters", "seconds"]
    .map((name, i, all) => (name === "low" || name === "high" ? all[i - (name === "low" ? 1 : 2)] + "_" + name : name)),
    ...arms.map((arm) => [arm.tasks.join("+"), arm.balancer, arm.missing_labels, (arm.seeds || []).join(" "), ...["metrics", "tasks", "losses"].flatMap((key) => { const part = at(arm.delta_m, key) || {}; return [part.value, part.low, part.high]; }),
      (at(arm.delta_m, "images") || {}).low, (at(arm.delta_m, "images") || {}).high, arm.parameters, arm.seconds])];
  const task_lines = () => [["tasks", "balancer", "missing_labels", "task", "loss", "own_loss", "loss_change", "low", "high", "win_rate", "metrics"],
    ...arms.flatMap((arm) => arm.per_task.map((entry) => { const change = entry.loss_change || entry.change || {}; return [arm.tasks.join("+"), arm.balancer, arm.missing_labels, entry.task, entry.loss, entry.single_loss, change.value, change.low, change.high, entry.win_rate,
      (entry.metrics || []).filter((metric) => known(metric.joint)).map((metric) => metric.name + "=" + metric.joint + (known(metric.single) ? " (own " + metric.single + ")" : "")).join("; ")]; }))];
  section("multi-task", "Do tasks share well?", "Multi-task", multi_task_sentence(arms, groups, joint),
    make("div", { class: "controls" }, groups.length > 1 ? make("label", {}, "Tasks in one network", chooser("joint-group", groups.map(group_title), "group")) : null, csv_button("delta_m.csv", lines, "Networks, csv"), csv_button("joint_tasks.csv", task_lines, "Their tasks, csv")),
    compared ? [make("h3", {}, "Delta-m by balancer, %"), bars, make("div", { class: "keys" }, key_of("var(--gain)", "mean over all metrics"), key_of("var(--quality)", "mean over each task's metrics, then over tasks"), arms.some((arm) => arm.delta_m && known(arm.delta_m.metrics.low)) ? whisker_key("95% interval over seeds") : null),
      make("p", { class: "note" }, "Percent of what each task's own network of the same width reaches, with the sign turned for metrics of which more is better: left of the line tasks are better off together. The two averages weigh tasks with many metrics differently and may disagree.")] : null,
    numbers,
    missing_lines(arms), make("div", { class: "controls" }, arm_holder), table, time,
    planes.length ? [make("h3", { class: "apart" }, "Two tasks, two losses"), planes.length > 1 ? make("div", { class: "controls" }, make("label", {}, "Pair", chooser("joint-plane", planes.map((plane) => plane.tasks.map(title).join(" and ")), "plane"))) : null, plane_holder] : null,
    partner_matrix(joint.partners), look_ahead_matrix(joint.affinities));

  function draw_all() {
    const shown = of_group(view.group);
    const arm = shown[Math.min(view.arm, shown.length - 1)];
    replace(arm_holder, shown.length > 1 ? ["Look at", chooser("joint-arm", shown.map(balancer_title), "arm")] : []);
    const select = document.getElementById("joint-arm");
    if (select) select.value = view.arm;
    const plane = document.getElementById("joint-plane");
    if (plane) plane.value = view.plane;
    if (compared) replace(bars, delta_bars(shown, clamp(bars.clientWidth, 280, 900)));
    replace(numbers, shown.length > 1 ? balancer_table(shown, compared) : []);
    replace(table, joint_table(arm));
    replace(time, over_time(arm));
    if (planes.length) replace(plane_holder, pareto_plane(planes[view.plane], clamp(plane_holder.clientWidth, 280, 620)));
  }
  listeners.push(draw_all);
}

function multi_task_sentence(arms, groups, joint) {
  const widest = arms.filter((arm) => arm.tasks.join("+") === groups[0].join("+"));
  const judged = widest.filter((arm) => arm.delta_m && known(arm.delta_m.metrics.value) && !(arm.missing_labels > 0));
  const says = [];
  if (!judged.length) {
    says.push(many(arms.length, "joint network") + " of up to " + many(groups[0].length, "task") + (arms.length === 1 ? " was" : " were") + " trained; the tasks' own networks to compare with were not.");
  } else {
    const sorted = [...judged].sort((a, b) => a.delta_m.metrics.value - b.delta_m.metrics.value);
    const best = sorted[0];
    const part = best.delta_m.metrics;
    const verdict = known(part.low) && part.low <= 0 && part.high >= 0 ? ", which the seeds do not tell from no difference" : "";
    says.push("Sharing one network, " + group_title(best.tasks) + " are on average " + (Math.abs(part.value) < 0.05 ? "as well off as alone" : fixed(Math.abs(part.value), 1) + "% " + (part.value < 0 ? "better" : "worse") + " off than alone") +
      (judged.length > 1 ? " under the best of " + judged.length + " balancers, " + best.balancer : " (" + best.balancer + ")") + verdict + ", by the mean over all metrics; by the mean over tasks it is " + signed(best.delta_m.tasks.value) + " (negative is better).");
    const turned = judged.filter((arm) => known(arm.delta_m.tasks.value) && arm.delta_m.tasks.value * arm.delta_m.metrics.value < 0);
    const near = sorted.slice(1).filter((arm) => known(arm.delta_m.metrics.low) && known(part.high) && arm.delta_m.metrics.low <= part.high);
    if (sorted.length > 1) says.push(!known(part.high) ? "One seed tells no balancer from another." : near.length ? "Its interval over seeds overlaps with " + (near.length === sorted.length - 1 ? "all others'" : "those of " + near.length + " of the other " + (sorted.length - 1)) + ": being the best of so many is partly luck." : "Its interval over seeds lies below all others'.");
    if (turned.length) says.push("For " + list_of(turned.map((arm) => arm.balancer)) + " the two averages disagree about the sign.");
    if (sorted.length > 1) { const worst = sorted[sorted.length - 1]; says.push("Worst is " + worst.balancer + " with " + signed(worst.delta_m.metrics.value) + "."); }
  }
  const missing = missing_sentence(widest);
  if (missing) says.push(missing);
  const partners = joint.partners;
  if (partners) {
    const harmed = partners.tasks.flatMap((task, i) => partners.tasks.map((partner, j) => [task, partner, i, j])).filter(([, , i, j]) => harm(partners, i, j));
    says.push(harmed.length ? "In pairs, " + many(harmed.length, "task") + " of " + partners.tasks.length * (partners.tasks.length - 1) + " clearly " + (harmed.length === 1 ? "loses" : "lose") + " by the partner" + (partners.seed_low.flat().some(known) ? "." : ", judged by test sets drawn anew: with one seed the luck of training is not in it.") : "In pairs no task clearly loses by its partner.");
  }
  return says.join(" ");
}

// What the largest share of missing labels does, under the balancer that stands it best.
function missing_sentence(arms) {
  const judged = arms.filter((arm) => arm.delta_m && known(arm.delta_m.losses.value));
  const most = Math.max(...judged.map((arm) => arm.missing_labels), 0);
  const there = judged.filter((arm) => arm.missing_labels === most).sort((a, b) => a.delta_m.losses.value - b.delta_m.losses.value);
  const all = there.length ? judged.find((arm) => arm.missing_labels === 0 && arm.balancer === there[0].balancer) : null;
  if (!(most > 0) || !all) return null;
  return "With " + percent(most) + " of the labels missing the mean test loss is " + signed(there[0].delta_m.losses.value) + " against that of own networks that see all labels" +
    (there.length > 1 ? " under " + there[0].balancer + ", the best of " + there.length + " balancers there," : "") + " and with none missing " + signed(all.delta_m.losses.value) + ".";
}

// Clear harm: every interval that there is lies on the side of a loss.
function harm(partners, i, j) {
  const low = partners.low[i][j];
  const seeds = partners.seed_low[i][j];
  return known(partners.change[i][j]) && partners.change[i][j] > 0 && (known(low) || known(seeds)) && (!known(low) || low > 0) && (!known(seeds) || seeds > 0);
}

function delta_bars(shown, width) {
  const judged = shown.filter((arm) => arm.delta_m && known(arm.delta_m.metrics.value)).sort((a, b) => a.delta_m.metrics.value - b.delta_m.metrics.value);
  if (!judged.length) return make("p", { class: "note" }, "This group has not been compared with own networks.");
  const row = 34;
  const left = Math.min(240, width * 0.38);
  const height = judged.length * row + 40;
  const both = [["metrics", "var(--gain)"], ["tasks", "var(--quality)"]];
  const values = judged.flatMap((arm) => both.flatMap(([key]) => [arm.delta_m[key].value, arm.delta_m[key].low, arm.delta_m[key].high])).filter(known);
  const reach = (Math.max(0, ...values) - Math.min(0, ...values) || 1) * 0.06;
  const low = Math.min(0, ...values) - reach;
  const high = Math.max(0, ...values) + reach;
  const x = (value) => left + (value - low) / (high - low) * (width - left - 52);
  const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, width, height, role: "img", "aria-label": "delta-m by balancer", id: "delta-m" });
  for (const tick of ticks(low, high, width < 500 ? 3 : 6)) {
    svg.append(draw("line", { class: "axis", x1: x(tick), x2: x(tick), y1: 2, y2: height - 38 }), draw("text", { class: "dim", x: x(tick), y: height - 23, "text-anchor": "middle" }, minus(String(tick))));
  }
  svg.append(draw("line", { x1: x(0), x2: x(0), y1: 2, y2: height - 38, stroke: "var(--ink)", "stroke-width": 1.4 }),
    draw("text", { class: "dim", x: left, y: height - 5 }, "← better together, %"), draw("text", { class: "dim", x: width - 4, y: height - 5, "text-anchor": "end" }, "worse →"));
  judged.forEach((arm, i) => {
    const top = i * row + 4;
    svg.append(draw("text", { x: left - 10, y: top + 17, "text-anchor": "end" }, fit(balancer_title(arm), left - 12, 13), draw("title", {}, balancer_title(arm))));
    both.forEach(([key, paint], k) => {
      const part = arm.delta_m[key];
      if (!known(part.value)) return;
      const y = top + 8 + k * 11;
      if (known(part.low)) svg.append(draw("path", { class: "whisker", d: "M" + x(part.low) + " " + (y - 4) + "V" + (y + 4) + "M" + x(part.low) + " " + y + "H" + x(part.high) + "M" + x(part.high) + " " + (y - 4) + "V" + (y + 4) }));
      svg.append(draw("circle", { cx: x(part.value), cy: y, r: 4.5, fill: paint }, draw("title", {}, balancer_title(arm) + ": " + signed(part.value, 2) + (ends_text(part) ? " (" + ends_text(part) + ")" : ""))));
      if (k === 0) svg.append(draw("text", { class: "dim", x: width - 4, y: top + 17, "text-anchor": "end" }, signed(part.value)));
    });
  });
  return svg;
}

// Delta-m against the share of missing labels, where several were tried.
function missing_lines(arms) {
  const judged = arms.filter((arm) => arm.delta_m && known(arm.delta_m.losses.value));
  const shares = [...new Set(judged.map((arm) => arm.missing_labels))].sort((a, b) => a - b);
  if (shares.length < 2) return null;
  const widest = [...judged].sort((a, b) => b.tasks.length - a.tasks.length)[0].tasks.join("+");
  const names = [...new Set(judged.map((arm) => arm.balancer))];
  const parts = names.map((name) => shares.map((share) => judged.find((arm) => arm.balancer === name && arm.missing_labels === share && arm.tasks.join("+") === widest)).map((arm) => (arm ? arm.delta_m.losses : null)));
  const series = parts.map((line) => line.map((part) => (part ? part.value : null)));
  const ends = parts.map((line) => line.map((part) => (part && known(part.low) && known(part.high) ? [part.low, part.high] : null)));
  return [make("h3", { class: "apart" }, "When labels are missing"), make("div", { class: "snug" }, line_plot({ steps: shares.map((share) => 100 * share), series, ends, names, label: "change of the mean test loss by share of missing labels", unit: "% of labels missing", width: 596, height: 260, zero: true })),
    make("div", { class: "keys" }, names.map((name, i) => key_of(hue_of(i), name, dash_of(i))), ends.flat().some(Boolean) ? whisker_key("95% interval over seeds (Student's t)") : null), make("p", { class: "note" }, "Mean over tasks of the change of the test loss against own networks that see all labels, in percent; negative is better.")];
}

// What is behind the picture, and what each balancer costs.
function balancer_table(shown, compared) {
  const quickest = Math.min(...shown.map((arm) => arm.seconds).filter(known));
  const part = (arm, key) => { const own = at(arm.delta_m, key) || {}; return make("td", {}, signed(own.value), ends_text(own) ? make("small", { class: "interval" }, ends_text(own)) : null); };
  const body = [...shown].sort((a, b) => (at(at(a.delta_m, "metrics"), "value") ?? 0) - (at(at(b.delta_m, "metrics"), "value") ?? 0)).map((arm) => make("tr", {}, make("td", {}, balancer_title(arm)),
    compared ? [part(arm, "metrics"), part(arm, "tasks"), part(arm, "losses")] : null, make("td", {}, String((arm.seeds || []).length)), make("td", {}, duration(arm.seconds)),
    make("td", {}, known(arm.seconds) && quickest > 0 ? fixed(arm.seconds / quickest, 2) + " ×" : "–")));
  return make("details", {}, make("summary", {}, "Numbers and time of each balancer"), table_of([["balancer"], ...(compared ? [["over metrics"], ["over tasks"], ["of test losses"]] : []), ["seeds"], ["time"], ["of the quickest's"]], body, { id: "balancers" }, "delta-m and time by balancer"),
    make("p", { class: "note" }, "Time of one training with its evaluation, mean over seeds; jobs that ran beside others took longer than they would have alone."));
}

function joint_table(arm) {
  const compared = arm.per_task.some((entry) => known(entry.single_loss));
  const body = arm.per_task.map((entry) => {
    const change = entry.loss_change || entry.change || {};
    const sure = known(change.low) && (change.low > 0 || change.high < 0);
    return make("tr", {}, make("td", {}, has_task_page(entry.task) && rows.length ? make("button", { type: "button", class: "link", onclick: () => open_task(entry.task) }, title(entry.task)) : title(entry.task)), make("td", {}, three(entry.loss)),
      compared ? [make("td", {}, three(entry.single_loss)), make("td", { class: sure ? (change.value < 0 ? "good" : "bad") : null }, signed(change.value), ends_text(change) ? make("small", { class: "interval" }, ends_text(change)) : null), make("td", {}, percent(entry.win_rate))] : null,
      make("td", { class: "text" }, (entry.metrics || []).filter((metric) => known(metric.joint)).slice(0, 3).map((metric) => metric.name.replaceAll("_", " ") + " " + short(metric.joint) + (metric.unit ? " " + metric.unit : "") + (known(metric.single) ? " (own " + short(metric.single) + ")" : "")).join(" · ")));
  });
  const unit = at(at(arm.delta_m, "images"), "unit");
  return [make("h3", {}, "Each task under " + balancer_title(arm)), table_of([["task"], ["test loss"], ...(compared ? [["own network"], ["change"], ["better on"]] : []), ["metrics", "text"]], body, { id: "joint-tasks" }, "each task of the joint network"),
    compared && unit ? make("p", { class: "note" }, "Change of the mean test loss; its interval is over test sets drawn anew (" + unit + "). Better on: share of test images.") : null];
}

// One line a series over steps; nulls are gaps.
function line_plot({ steps, series: values_of, ends, names, label, unit, width, height, zero, low: floor, high: ceiling, decades }) {
  const all = values_of.flat().filter(known);
  if (!all.length) return null;
  // Values that lie decades apart are shown by their logarithms.
  const log = decades && Math.min(...all) > 0 && Math.max(...all) > 10 * Math.min(...all);
  const series = log ? values_of.map((line) => line.map((value) => (known(value) ? Math.log10(value) : value))) : values_of;
  const values = series.flat().filter(known);
  const marks = () => (!log ? ticks(low, high, 4) : ticks(Math.floor(low), Math.ceil(high), 4).map(Math.round).flatMap((power) => (high - low < 2 ? [1, 2, 5] : [1]).map((digit) => power + Math.log10(digit)))
    .filter((power, i, all) => power >= low && power <= high && all.indexOf(power) === i));
  const plot = { l: 52, r: 12, t: 10, b: 34 };
  let low = known(floor) ? floor : Math.min(...values, zero && !log ? 0 : Infinity);
  let high = known(ceiling) ? ceiling : Math.max(...values, zero && !log ? 0 : -Infinity);
  if (high - low < 1e-9) { low -= 0.5 * Math.abs(low) || 0.5; high += 0.5 * Math.abs(high) || 0.5; }
  const x = (step) => plot.l + (steps.length > 1 ? (step - steps[0]) / (steps[steps.length - 1] - steps[0]) : 0.5) * (width - plot.l - plot.r);
  const y = (value) => height - plot.b - clamp((value - low) / (high - low)) * (height - plot.t - plot.b);
  const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, width: "100%", role: "img", "aria-label": label });
  for (const tick of marks()) svg.append(draw("line", { class: "axis", x1: plot.l, x2: width - plot.r, y1: y(tick), y2: y(tick) }), draw("text", { class: "dim", x: plot.l - 6, y: y(tick) + 4, "text-anchor": "end" }, log ? short(Number((10 ** tick).toPrecision(2))) : minus(String(tick))));
  if (!log && low < 0 && high > 0) svg.append(draw("line", { x1: plot.l, x2: width - plot.r, y1: y(0), y2: y(0), stroke: "var(--soft)" }));
  for (const tick of ticks(steps[0], steps[steps.length - 1], 4)) svg.append(draw("text", { class: "dim", x: x(tick), y: height - plot.b + 15, "text-anchor": "middle" }, String(tick)));
  svg.append(draw("text", { class: "dim", x: width - plot.r, y: height - 3, "text-anchor": "end" }, unit));
  const crowd = series.length > 24;
  series.forEach((line, i) => {
    const points = line.map((value, k) => [steps[k], value]).filter(([, value]) => known(value));
    const paint = crowd ? "var(--soft)" : hue_of(i);
    const about = draw("title", {}, names[i]);
    // Whiskers stand beside one another, and end where the axis does: two seeds make very long ones.
    const shift = ends ? (i - (series.length - 1) / 2) * 4 : 0;
    for (const [k, part] of ((ends || [])[i] || []).entries()) {
      if (part && known(line[k])) svg.append(draw("line", { class: "whisker", x1: x(steps[k]) + shift, x2: x(steps[k]) + shift, y1: y(part[0]), y2: y(part[1]), style: "stroke: " + paint }));
    }
    if (points.length === 1) svg.append(draw("circle", { cx: x(points[0][0]) + shift, cy: y(points[0][1]), r: 3.5, fill: paint }, about));
    else if (points.length) svg.append(draw("polyline", { points: points.map(([step, value]) => (x(step) + shift).toFixed(1) + "," + y(value).toFixed(1)).join(" "), fill: "none", stroke: paint, "stroke-width": crowd ? 1 : 2, "stroke-opacity": crowd ? 0.55 : 1, "stroke-dasharray": crowd ? null : dash_of(i) }, about));
  });
  return svg;
}

function over_time(arm) {
  const told = arm.telemetry;
  if (!told) return [];
  const names = arm.tasks.map(title);
  const plot = (key, name, options) => {
    const series = at(told, key) ? arm.tasks.map((task) => at(told[key], task) || []) : [];
    if (!series.some((line) => line.some(known))) return null;
    return make("div", { class: "panel" }, make("h3", {}, name), line_plot({ steps: told.steps, series, names, label: name + " of each task over steps", unit: "steps", width: 300, height: 180, ...options }));
  };
  const conflict = told.conflict;
  const pictures = [plot("weight", "Weights", { zero: true }), plot("loss", "Losses", { zero: true, decades: true }), plot("gradient_norm", "Gradient norms on the shared encoder", { zero: true, decades: true }),
    conflict ? make("div", { class: "panel" }, make("h3", {}, "Conflicts between gradients"), line_plot({ steps: conflict.steps, series: [conflict.mean_cosine, conflict.conflicting], names: ["mean cosine", "share of pairs in conflict"], label: "mean cosine and share of conflicting pairs over steps", unit: "steps", width: 300, height: 180, low: Math.min(0, ...conflict.mean_cosine.filter(known)), high: 1 }),
      make("div", { class: "keys" }, key_of(hue_of(0), "mean cosine of two tasks' gradients"), key_of(hue_of(1), "share of pairs with a negative one"))) : null].filter(Boolean);
  if (!pictures.length) return [];
  const matrix = told.cosine && arm.tasks.length <= 26 ? cosine_matrix(arm, told.cosine) : null;
  return [make("h3", { class: "apart" }, "While it trained: " + balancer_title(arm) + (arm.seeds && arm.seeds.length > 1 ? ", seed " + arm.seeds[0] : "")), make("div", { class: "curves", id: "joint-curves" }, pictures),
    names.length <= 24 ? make("div", { class: "keys" }, names.map((name, i) => key_of(hue_of(i), name, dash_of(i)))) : null, matrix];
}

// A square of numbers, good on one side of zero and bad on the other.
function two_sided(names, value, { id, label, digits, good_is_low, about, mark }) {
  const all = names.flatMap((_, i) => names.map((__, j) => Math.abs(value(i, j) ?? 0)));
  const reach = Math.max(...all, 1e-9);
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, make("table", { class: "heat" + (names.length > 10 ? " dense" : ""), id },
    make("thead", {}, make("tr", {}, make("th", {}, ""), names.map((name) => make("th", { class: "tall", scope: "col" }, make("span", { class: "upright" }, fit(name, 150, 13)))))),
    make("tbody", {}, names.map((name, i) => make("tr", {}, make("th", { scope: "row", title: name }, name), names.map((_, j) => {
      const number = value(i, j);
      if (!known(number)) return make("td", { class: "cell none" }, i === j ? "" : "·");
      const paint = (number < 0) === good_is_low ? "var(--good)" : "var(--bad)";
      return make("td", { class: "cell" + (mark && mark(i, j) ? " chosen" : ""), style: "background: color-mix(in srgb, " + paint + " " + (55 * Math.abs(number) / reach).toFixed(0) + "%, var(--paper)); color: var(--ink)", title: about(i, j) }, fixed(number, digits).replace(/^\u2212(0\.?0*)$/, "$1"));
    }))))));
}

function cosine_matrix(arm, cosine) {
  const names = arm.tasks.map(title);
  return [make("h3", {}, "Cosine between two tasks' gradients, mean over the training"), two_sided(names, (i, j) => (cosine[i] || [])[j], { id: "cosines", label: "cosines of gradients", digits: 2, good_is_low: false, about: (i, j) => names[i] + " and " + names[j] + ": " + short(cosine[i][j]) })];
}

function partner_matrix(partners) {
  if (!partners) return null;
  const names = partners.tasks.map(title);
  const value = (i, j) => (i === j ? null : partners.change[i][j]);
  const interval = (i, j) => (known(partners.low[i][j]) ? " (" + signed(partners.low[i][j]) + " to " + signed(partners.high[i][j]) + " over test sets" + (known(partners.seed_low[i][j]) ? ", " + signed(partners.seed_low[i][j]) + " to " + signed(partners.seed_high[i][j]) + " over seeds" : "") + ")" : "");
  return [make("h3", { class: "apart" }, "What a partner does to a task"), two_sided(names, value, { id: "partners", label: "change of the test loss in pairs", digits: 1, good_is_low: true, mark: (i, j) => i !== j && harm(partners, i, j), about: (i, j) => names[i] + " with " + names[j] + ": " + signed(value(i, j)) + interval(i, j) }),
    make("p", { class: "note" }, "Change of the row's mean test loss in percent when it shares a network with the column (" + partners.balancer + ") instead of having its own; negative is better. Outlined: negative transfer, every interval lies above zero."),
    make("div", { class: "controls tight" }, csv_button("partners.csv", () => [["task", "partner", "change", "low", "high", "seed_low", "seed_high", "negative_transfer"],
      ...partners.tasks.flatMap((task, i) => partners.tasks.map((partner, j) => [task, partner, value(i, j), partners.low[i][j], partners.high[i][j], partners.seed_low[i][j], partners.seed_high[i][j], harm(partners, i, j)]).filter(([a, b]) => a !== b))]))];
}

// TAG: one minus the loss after a step of the helper's gradient alone over the loss before it.
function look_ahead_matrix(told) {
  if (!told || !(told.tasks || []).length) return null;
  const names = told.tasks.map(title);
  const value = (i, j) => (i === j ? null : 1000 * (told.affinity[i] || [])[j]);
  return [make("h3", { class: "apart" }, "Whose step helps whom while all learn together"), two_sided(names, value, { id: "tag", label: "inter-task affinities", digits: 2, good_is_low: false, about: (i, j) => "a step for " + names[j] + ": " + names[i] + " " + fixed(value(i, j), 3) + " per mille" }),
    make("p", { class: "note" }, "By how many per mille a step along the column's gradient alone lowers the row's loss on the same batch, mean over the training of all " + told.tasks.length + " tasks (" + told.balancer + "); above zero it helps. These are TAG's affinities, affinities.csv in the run's folder: affinis group solve --affinities makes groups of them.")];
}

function pareto_plane(plane, width) {
  const height = Math.round(width * 0.68);
  const plot = { l: 62, r: 16, t: 12, b: 46 };
  const points = plane.points.filter((point) => known(point.losses[0]) && known(point.losses[1]));
  const own = plane.single && known(plane.single[0]) && known(plane.single[1]) ? plane.single : null;
  if (!points.length) return [];
  const spread = (axis) => {
    const values = [...points.map((point) => point.losses[axis]), ...(own ? [own[axis]] : []), ...points.flatMap((point) => (point.seeds || [[], []])[axis].filter(known))];
    const margin = 0.08 * (Math.max(...values) - Math.min(...values) || Math.abs(values[0]) || 1);
    return [Math.min(...values) - margin, Math.max(...values) + margin];
  };
  const [x0, x1] = spread(0);
  const [y0, y1] = spread(1);
  const x = (value) => plot.l + (value - x0) / (x1 - x0) * (width - plot.l - plot.r);
  const y = (value) => height - plot.b - (value - y0) / (y1 - y0) * (height - plot.t - plot.b);
  const names = plane.tasks.map(title);
  const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, width, height, role: "img", id: "pareto", "aria-label": "test losses of " + names.join(" and ") + " under each balancer" });
  for (const tick of ticks(x0, x1, 4)) svg.append(draw("line", { class: "axis", x1: x(tick), x2: x(tick), y1: plot.t, y2: height - plot.b }), draw("text", { class: "dim", x: x(tick), y: height - plot.b + 16, "text-anchor": "middle" }, minus(String(tick))));
  for (const tick of ticks(y0, y1, 4)) svg.append(draw("line", { class: "axis", x1: plot.l, x2: width - plot.r, y1: y(tick), y2: y(tick) }), draw("text", { class: "dim", x: plot.l - 6, y: y(tick) + 4, "text-anchor": "end" }, minus(String(tick))));
  svg.append(draw("text", { class: "dim", x: width - plot.r, y: height - 6, "text-anchor": "end" }, fit("test loss of " + names[0], width - plot.l, 12)), draw("text", { class: "dim", transform: "translate(12 " + (plot.t + 4) + ") rotate(-90)", "text-anchor": "end" }, fit("test loss of " + names[1], height - plot.b, 12)));
  if (own) {
    svg.append(draw("line", { x1: x(own[0]), x2: x(own[0]), y1: plot.t, y2: height - plot.b, stroke: "var(--soft)", "stroke-dasharray": "4 3" }), draw("line", { x1: plot.l, x2: width - plot.r, y1: y(own[1]), y2: y(own[1]), stroke: "var(--soft)", "stroke-dasharray": "4 3" }));
  }
  const front = (plane.front || []).map((i) => plane.points[i]).filter((point) => points.includes(point));
  const stairs = front.flatMap((point, i) => (i === 0 ? [point.losses] : [[point.losses[0], front[i - 1].losses[1]], point.losses]));
  if (stairs.length > 1) svg.append(draw("polyline", { points: stairs.map(([a, b]) => x(a) + "," + y(b)).join(" "), fill: "none", stroke: "var(--accent)", "stroke-width": 1.5 }));
  for (const point of points) {
    const ours = front.includes(point);
    const [seeds_a, seeds_b] = point.seeds || [[], []];
    seeds_a.forEach((value, k) => { if (known(value) && known(seeds_b[k]) && seeds_a.length > 1) svg.append(draw("circle", { cx: x(value), cy: y(seeds_b[k]), r: 2, fill: "var(--soft)", opacity: 0.6 })); });
    svg.append(draw("circle", { cx: x(point.losses[0]), cy: y(point.losses[1]), r: 5, fill: ours ? "var(--accent)" : "var(--soft)" }, draw("title", {}, point.balancer + ": " + short(point.losses[0]) + ", " + short(point.losses[1]))));
  }
  // Names go beside their points where there is room, on the front first; the others are left to the pointer.
  const boxes = points.map((point) => [x(point.losses[0]) - 5, y(point.losses[1]) - 5, 10, 10]);
  const free = (box) => box[0] > plot.l && box[0] + box[2] < width && box[1] > 0 && box[1] + box[3] < height - plot.b &&
    !boxes.some((other) => box[0] < other[0] + other[2] && other[0] < box[0] + box[2] && box[1] < other[1] + other[3] && other[1] < box[1] + box[3]);
  for (const point of [...points].sort((a, b) => front.includes(b) - front.includes(a))) {
    const wide = text_width(point.balancer, 12);
    const [px, py] = [x(point.losses[0]), y(point.losses[1])];
    const spot = [[px + 8, py - 6], [px - 8 - wide, py - 6], [px - wide / 2, py - 19], [px - wide / 2, py + 7], [px + 6, py - 17], [px + 6, py + 5], [px - 6 - wide, py - 17], [px - 6 - wide, py + 5]]
      .map(([left, top]) => [left, top, wide, 12]).find(free);
    if (!spot) continue;
    boxes.push(spot);
    svg.append(draw("text", { class: front.includes(point) ? null : "dim", x: spot[0], y: spot[1] + 10, "font-size": 12, style: "paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round" }, point.balancer));
  }
  return [svg, make("div", { class: "keys" }, key_of("var(--accent)", "no other balancer is better in both"), points.some((point) => ((point.seeds || [])[0] || []).length > 1) ? make("span", { class: "key" }, draw("svg", { width: 8, height: 8, "aria-hidden": "true" }, draw("circle", { cx: 4, cy: 4, r: 2, fill: "var(--soft)", opacity: 0.6 })), "a seed") : null, own ? key_of("var(--soft)", "the tasks' own networks", "4 3") : null),
    make("div", { class: "controls tight" }, csv_button("pareto.csv", () => [["balancer", "loss_" + plane.tasks[0], "loss_" + plane.tasks[1], "front"], ...plane.points.map((point, i) => [point.balancer, ...point.losses, (plane.front || []).includes(i)])]))];
}
