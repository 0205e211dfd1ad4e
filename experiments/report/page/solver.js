// ---- The exact solver that runs in the page: labels that each cost 1, up to 62 tasks that may be labelled.
//
// Choose at most `budget` sources and one usable edge a target so that the sum of values is largest. Branch and bound on the sources; the
// bound relaxes "an edge needs each of its sources" with one multiplier a target and source (Lagrange), so that targets and sources fall
// apart; a subgradient method moves the multipliers. Sources whose reduced cost closes the gap are fixed. The program's own solver
// (taxonomy/solver.cpp) is the reference: a test compares every budget and order of a published table.

// edges_of[t]: [{sources: [position of a source], value, row}] for each target. Edges that another one beats with fewer sources are left out.
function make_instance(source_count, edges_of) {
  const bits = (sources) => sources.reduce((mask, s) => (s < 31 ? [mask[0] | (1 << s), mask[1]] : [mask[0], mask[1] | (1 << (s - 31))]), [0, 0]);
  const values = edges_of.flatMap((edges) => edges.map((edge) => Math.abs(edge.value)));
  // An edge that needs nothing and is worse than anything stands for "not served", so that every set of sources has a value.
  const unserved = -(1 + 2 * values.reduce((sum, value) => Math.max(sum, value), 0) * edges_of.length);
  const targets = edges_of.map((edges) => {
    const sorted = edges.map((edge) => ({ ...edge, mask: bits(edge.sources) })).sort((a, b) => b.value - a.value || a.sources.length - b.sources.length);
    const kept = [];
    for (const edge of sorted) {
      if (!kept.some((other) => (other.mask[0] & ~edge.mask[0]) === 0 && (other.mask[1] & ~edge.mask[1]) === 0)) kept.push(edge);
    }
    kept.push({ sources: [], value: unserved, row: null, mask: [0, 0] });
    return kept;
  });
  return { count: source_count, targets, scale: Math.max(1e-300, ...values) };
}

function best_edges(instance, low, high) {
  let value = 0;
  const edges = instance.targets.map((kept) => {
    const edge = kept.find((candidate) => (candidate.mask[0] & ~low) === 0 && (candidate.mask[1] & ~high) === 0);
    value += edge.value;
    return edge;
  });
  return { value, edges };
}

// A generator, so that the page stays awake: it yields {value, bound} now and then and returns {value, bound, proven, edges, nodes}.
// `limit` is a number of subgradient steps; beyond it the best so far is returned with its bound.
function* solve_instance(instance, budget, limit = 200000) {
  const n = instance.count;
  const room = Math.max(0, Math.min(n, Math.floor(budget + 1e-9)));
  const tolerance = 1e-10 * instance.scale;
  let best = { value: -Infinity, edges: [] };
  let steps = 0;
  let nodes = 0;

  const low_bits = new Int32Array(n);
  const high_bits = new Int32Array(n);
  for (let s = 0; s < n; ++s) {
    if (s < 31) low_bits[s] = 1 << s;
    else high_bits[s] = 1 << (s - 31);
  }
  const value_of = (low, high) => {
    let value = 0;
    for (const kept of instance.targets) {
      for (const edge of kept) {
        if ((edge.mask[0] & ~low) === 0 && (edge.mask[1] & ~high) === 0) { value += edge.value; break; }
      }
    }
    return value;
  };
  const offer = (chosen) => {
    let low = 0;
    let high = 0;
    for (const s of chosen) { low |= low_bits[s]; high |= high_bits[s]; }
    const value = value_of(low, high);
    if (value > best.value) best = { ...best_edges(instance, low, high), chosen: [...chosen] };
    return value;
  };

  // Swaps of one chosen source for another, as long as one helps.
  function improve(chosen) {
    let current = [...chosen];
    let value = offer(current);
    for (let again = true; again;) {
      again = false;
      for (let i = 0; i < current.length && !again; ++i) {
        for (let s = 0; s < n; ++s) {
          if (current.includes(s)) continue;
          const other = [...current];
          other[i] = s;
          const found = offer(other);
          if (found > value + tolerance) { current = other; value = found; again = true; break; }
        }
      }
    }
  }
  function greedy() {
    const chosen = [];
    while (chosen.length < room) {
      let pick = -1;
      let top = -Infinity;
      for (let s = 0; s < n; ++s) {
        if (chosen.includes(s)) continue;
        const value = offer([...chosen, s]);
        if (value > top) { top = value; pick = s; }
      }
      chosen.push(pick);
    }
    return chosen;
  }
  offer([]);
  improve(greedy());

  const multipliers = new Float64Array(instance.targets.length * n);
  // state[s]: 0 free, 1 labelled, -1 not labelled
  const open = [{ state: new Int8Array(n), bound: Infinity, multipliers }];
  const profit = new Float64Array(n);
  const usage = new Int32Array(n);
  const picks = new Array(instance.targets.length);

  while (open.length) {
    const node = open.pop();
    if (node.bound <= best.value + tolerance) continue;
    if (steps >= limit) { open.push(node); break; }
    nodes += 1;
    const state = node.state;
    const lambda = node.multipliers;
    let bound = node.bound;
    let pace = nodes === 1 ? 1.6 : 0.8;
    let stale = 0;
    let closed = false;
    const rounds = nodes === 1 ? 400 : 40;
    const weight = new Float64Array(n);
    let lower = Infinity;
    let keep = Float64Array.from(lambda);
    for (let round = 0; round < rounds; ++round) {
      steps += 1;
      if (steps % 100 === 0) yield { value: best.value, bound: Math.max(best.value, bound, ...open.map((other) => other.bound)) };
      let left = room;
      for (let s = 0; s < n; ++s) left -= state[s] === 1;
      const undecided = [];
      for (let s = 0; s < n; ++s) if (state[s] === 0) undecided.push(s);
      if (left <= 0 || undecided.length <= left) {
        if (left >= 0) offer([...Array(n).keys()].filter((s) => state[s] === 1 || (left > 0 && state[s] === 0)));
        closed = true;
        break;
      }
      // Targets: each takes its best edge after paying for its sources. Labelled sources cost nothing, forbidden ones too much.
      let total = 0;
      usage.fill(0);
      profit.fill(0);
      for (let t = 0; t < instance.targets.length; ++t) {
        const base = t * n;
        let top = -Infinity;
        for (const edge of instance.targets[t]) {
          if (edge.value <= top) break;
          let value = edge.value;
          for (const s of edge.sources) value -= state[s] === 0 ? lambda[base + s] : state[s] === 1 ? 0 : Infinity;
          if (value > top) { top = value; picks[t] = edge; }
        }
        total += top;
        for (const s of picks[t].sources) usage[s] += 1;
        for (let s = 0; s < n; ++s) if (state[s] === 0) profit[s] += lambda[base + s];
      }
      // Sources: those of the largest profit.
      const free = undecided;
      free.sort((a, b) => profit[b] - profit[a] || usage[b] - usage[a] || a - b);
      const count = left;
      for (let i = 0; i < count; ++i) total += profit[free[i]];
      if (total < lower - tolerance) { lower = total; stale = 0; keep = Float64Array.from(lambda); } else stale += 1;
      if (total < bound) bound = total;
      if (bound <= best.value + tolerance) { closed = true; break; }
      const chosen = [];
      for (let s = 0; s < n; ++s) if (state[s] === 1) chosen.push(s);
      for (let i = 0; i < count; ++i) chosen.push(free[i]);
      const before = best.value;
      offer(chosen);
      if (best.value > before + tolerance && round % 5 === 0) improve(best.chosen);
      if (bound <= best.value + tolerance) { closed = true; break; }
      for (let i = 0; i < free.length; ++i) weight[free[i]] += i < count ? 1 : 0;
      // What a source would lose by changing sides is more than the gap: it stays on its side.
      const last_in = profit[free[count - 1]];
      const first_out = profit[free[count]];
      for (let i = 0; i < free.length; ++i) {
        const s = free[i];
        if (i < count ? total - profit[s] + first_out <= best.value + tolerance : total - last_in + profit[s] <= best.value + tolerance) {
          state[s] = i < count ? 1 : -1;
        }
      }
      if (stale >= 6) { pace *= 0.6; stale = 0; }
      if (pace < 0.02) break;
      // Subgradient: for each target and source, does the edge use it, and is it labelled?
      const labelled = new Int8Array(n);
      for (let i = 0; i < count; ++i) labelled[free[i]] = 1;
      let norm = 0;
      for (let t = 0; t < instance.targets.length; ++t) {
        const base = t * n;
        for (const s of free) {
          const slope = (picks[t].sources.includes(s) ? 1 : 0) - labelled[s];
          if (slope > 0 || (slope < 0 && lambda[base + s] > 0)) norm += 1;
        }
      }
      if (norm === 0) break;
      const stride = pace * Math.max(total - best.value, 10 * tolerance) / norm;
      for (let t = 0; t < instance.targets.length; ++t) {
        const base = t * n;
        for (const s of free) {
          const slope = (picks[t].sources.includes(s) ? 1 : 0) - labelled[s];
          if (slope !== 0) lambda[base + s] = Math.max(0, lambda[base + s] + stride * slope);
        }
      }
    }
    if (closed) continue;
    const free = [];
    for (let s = 0; s < n; ++s) if (state[s] === 0) free.push(s);
    if (free.length === 0) {
      offer([...Array(n).keys()].filter((s) => state[s] === 1));
      continue;
    }
    // Branch where the relaxation cannot make up its mind.
    const rounds_seen = Math.max(1, ...free.map((s) => weight[s]));
    free.sort((a, b) => Math.abs(weight[a] / rounds_seen - 0.5) - Math.abs(weight[b] / rounds_seen - 0.5) || profit[b] - profit[a]);
    for (const side of [-1, 1]) {
      const child = Int8Array.from(state);
      child[free[0]] = side;
      open.push({ state: child, bound, multipliers: Float64Array.from(keep) });
    }
  }
  const bound = Math.max(best.value, ...open.map((node) => node.bound));
  return { value: best.value, bound, proven: bound <= best.value + tolerance, edges: best.edges, nodes, steps };
}
