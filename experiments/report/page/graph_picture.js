// ---- The picture of one taxonomy: labelled tasks left, learnt tasks right, transfers from several sources through a junction.

// Both columns in the order with the fewest crossings that sweeps of barycentres find.
function untangle(sources, choices) {
  let left = [...sources];
  let right = choices.map((choice) => choice.target);
  const links = choices.flatMap((choice) => source_names(choice).filter((name) => sources.includes(name)).map((name) => [name, choice.target]));
  const places = (names) => new Map(names.map((name, i) => [name, (i + 0.5) / names.length]));
  const crossings = () => {
    const [l, r] = [places(left), places(right)];
    let count = 0;
    for (let i = 0; i < links.length; ++i) {
      for (let j = 0; j < i; ++j) count += (l.get(links[i][0]) - l.get(links[j][0])) * (r.get(links[i][1]) - r.get(links[j][1])) < 0;
    }
    return count;
  };
  const by_centre = (names, others, side) => {
    const own = places(names);
    const centre = (name) => mean(links.filter((link) => link[side] === name).map((link) => others.get(link[1 - side]))) ?? own.get(name);
    const centres = new Map(names.map((name) => [name, centre(name)]));
    return [...names].sort((a, b) => centres.get(a) - centres.get(b) || own.get(a) - own.get(b));
  };
  let best = [crossings(), left, right];
  for (let sweep = 0; sweep < 16; ++sweep) {
    right = by_centre(right, places(left), 1);
    left = by_centre(left, places(right), 0);
    const count = crossings();
    if (count < best[0]) best = [count, left, right];
  }
  return [best[1], best[2]];
}

function draw_graph(cell, width, pick, light) {
  const [left_names, right_names] = untangle(cell.sources, cell.choices);
  const count = Math.max(left_names.length, right_names.length);
  const narrow = width < 520;
  const box = { w: Math.max(104, Math.min(190, width * 0.36)), h: count > 14 ? 25 : 30, gap: count > 14 ? 7 : 11 };
  const margin = narrow ? 2 : 52;
  const size = narrow ? 12 : 13;
  const height = count * (box.h + box.gap) + 34;
  const column = (names, x) => {
    const step = (height - 34) / names.length;
    return new Map(names.map((name, i) => [name, { x, y: 30 + step * (i + 0.5) - (box.h + box.gap) / 2 }]));
  };
  const left = column(left_names, 2);
  const right = column(right_names, width - box.w - margin);
  const colour = (name) => (has_families ? family_colour(name) : "var(--hue-" + left_names.indexOf(name) % 8 + ")");
  const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, width, height, role: "group", "aria-label": "taxonomy at budget " + cell.budget + " and order " + cell.max_order });
  const shown_measure = cell.choices.some((choice) => known(choice.quality)) ? "quality" : cell.choices.some((choice) => known(choice.gain)) ? "gain" : "affinity";
  svg.append(draw("text", { x: 2, y: 16, class: "dim" }, narrow ? "labelled" : "labelled (sources)"),
    draw("text", { x: width - box.w - margin, y: 16, class: "dim" }, narrow ? "learnt" : "learnt (targets)"));
  if (!narrow) svg.append(draw("text", { x: width, y: 16, class: "dim", "text-anchor": "end" }, shown_measure));
  const edges = draw("g", {});
  const joints = draw("g", {});
  svg.append(edges, joints);
  cell.choices.forEach((choice, index) => {
    const place = right.get(choice.target);
    const end = { x: place.x, y: place.y + box.h / 2 };
    const ends = source_names(choice).map((name) => [name, left.get(name)]).filter(([, from]) => from);
    const strength = 1.4 + 4 * clamp(known(choice.quality) ? choice.quality : 0.2);
    const label = capital(learnt_from(choice)) + " to " + title(choice.target) + ": affinity " + short(choice.affinity) + ", gain " + fixed(choice.gain, 2) + ", quality " + fixed(choice.quality, 2);
    const joint = ends.length > 1 ? { x: width - box.w - margin - Math.min(54, width * 0.1), y: end.y } : null;
    const line = (from, until, paint) => {
      const bend = (until.x - from.x) * 0.5;
      edges.append(draw("path", { class: "edge" + (is_own(choice) ? " own" : ""), "data-choice": index, stroke: paint, "stroke-width": strength.toFixed(2),
        d: "M" + from.x + "," + from.y + " C" + (from.x + bend) + "," + from.y + " " + (until.x - bend) + "," + until.y + " " + until.x + "," + until.y }, draw("title", {}, label)));
    };
    for (const [name, from] of ends) line({ x: from.x + box.w, y: from.y + box.h / 2 }, joint || end, colour(name));
    if (joint) {
      line(joint, end, "var(--ink)");
      joints.append(draw("circle", { class: "junction", "data-choice": index, cx: joint.x, cy: joint.y, r: 4 }, draw("title", {}, label)));
    }
    if (!narrow) {
      svg.append(draw("text", { class: "dim", "data-choice": index, x: width, y: end.y + 4.5, "text-anchor": "end" },
        shown_measure === "affinity" ? short(choice.affinity) : fixed(choice[shown_measure], 2)));
    }
  });
  const node = (name, place, kind) => {
    const paint = kind === "source" || has_families ? colour(name) : "var(--soft)";
    const selected = Boolean(state.pick) && state.pick.kind === kind && state.pick.name === name;
    const weight = kind === "target" ? importance_of(name) : 1;
    const tag = weight === 1 ? "" : "×" + weight;
    const events = { onclick: () => pick(kind, name), onmouseenter: () => light({ kind, name }), onmouseleave: () => light(state.pick),
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(kind, name); } } };
    svg.append(draw("g", { class: "node " + kind + (selected ? " selected" : ""), tabindex: 0, role: "button", "aria-pressed": String(selected),
      "aria-label": title(name) + (kind === "source" ? ", labelled" : ", learnt") + (tag ? ", importance " + weight : ""), "data-task": name, "data-key": kind + ":" + name, ...events },
      kind === "source" ? draw("rect", { x: place.x, y: place.y, width: box.w, height: box.h, rx: box.h / 2, style: "fill: var(--paper)" }) : null,
      draw("rect", { class: "box", x: place.x, y: place.y, width: box.w, height: box.h, rx: kind === "source" ? box.h / 2 : 5, style: kind === "source" ? "fill: " + paint + "; stroke: " + paint : null }),
      kind === "target" ? draw("rect", { x: place.x + 1, y: place.y + 4, width: 4, height: box.h - 8, rx: 2, style: "fill: " + paint }) : null,
      draw("text", { x: place.x + (kind === "source" ? 14 : 13), y: place.y + box.h / 2 + 4.5, style: "font-size: " + size + "px" },
        fit(title(name), box.w - 24 - (tag ? text_width(tag, 12) + 6 : 0), size)),
      tag ? draw("text", { class: "dim", x: place.x + box.w - 7, y: place.y + box.h / 2 + 4.5, "text-anchor": "end" }, tag) : null,
      draw("title", {}, title(name))));
  };
  left.forEach((place, name) => node(name, place, "source"));
  right.forEach((place, name) => node(name, place, "target"));
  return svg;
}
