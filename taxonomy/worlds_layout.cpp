#include "taxonomy/worlds_layout.h"

#include <algorithm>
#include <map>
#include <utility>

namespace affinis::taxonomy {
namespace {

using Triple = std::array<std::uint32_t, 3>;

/// Calls `take(b, c)` for each pair of an edge's sources beside the one at `use`.
template <class Take>
void for_each_pair_beside(const Instance& instance, std::size_t edge, std::size_t use,
                          const Take& take) {
  for (std::size_t i = instance.use_begin[edge]; i < instance.use_begin[edge + 1]; ++i) {
    for (std::size_t j = i + 1; j < instance.use_begin[edge + 1]; ++j) {
      if (i == use || j == use) continue;
      take(static_cast<std::uint32_t>(instance.use_source[i]),
           static_cast<std::uint32_t>(instance.use_source[j]));
    }
  }
}

}  // namespace

WorldsLayout::WorldsLayout(const Instance& instance) {
  const std::size_t sources = instance.sources;
  std::vector<std::vector<Own>> own_of(sources);
  std::vector<std::vector<std::pair<std::uint32_t, std::uint32_t>>> cases_of(sources);
  for (std::size_t t = 0; t < instance.targets(); ++t) {
    for (std::size_t e = instance.target_begin[t]; e < instance.target_begin[t + 1]; ++e) {
      for (std::size_t u = instance.use_begin[e]; u < instance.use_begin[e + 1]; ++u) {
        const auto world = static_cast<std::size_t>(instance.use_source[u]);
        own_of[world].push_back({static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(e),
                                 static_cast<std::uint32_t>(u)});
        for_each_pair_beside(instance, e, u, [&](std::uint32_t b, std::uint32_t c) {
          cases_of[world].emplace_back(b, c);
          cases_of[world].emplace_back(c, b);
        });
      }
    }
  }
  own_begin.push_back(0);
  case_begin.push_back(0);
  for (std::size_t a = 0; a < sources; ++a) {
    own.insert(own.end(), own_of[a].begin(), own_of[a].end());
    own_begin.push_back(static_cast<std::uint32_t>(own.size()));
    auto& pairs = cases_of[a];
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    for (const auto& [second, third] : pairs) cases.push_back({second, third});
    case_world.resize(cases.size(), static_cast<std::uint32_t>(a));
    case_begin.push_back(static_cast<std::uint32_t>(cases.size()));
  }
  const auto case_of = [&](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    const auto& pairs = cases_of[a];
    const auto place = std::lower_bound(pairs.begin(), pairs.end(), std::pair(b, c));
    return case_begin[a] + static_cast<std::uint32_t>(place - pairs.begin());
  };
  for (std::uint32_t a = 0; a < sources; ++a) {
    for (const auto& [b, c] : cases_of[a]) {
      if (a < b && b < c) {
        triples.push_back({case_of(a, b, c), case_of(a, c, b), case_of(b, a, c), case_of(b, c, a),
                           case_of(c, a, b), case_of(c, b, a)});
      }
    }
  }

  std::vector<std::vector<std::uint32_t>> members(instance.use_source.size());
  bundle_begin.push_back(0);
  for (std::uint32_t a = 0; a < sources; ++a) {
    std::map<Triple, std::uint32_t> known;
    for (const Own& each : own_of[a]) {
      for_each_pair_beside(instance, each.edge, each.use, [&](std::uint32_t b, std::uint32_t c) {
        const auto [place, fresh] =
            known.emplace(Triple{each.target, b, c}, static_cast<std::uint32_t>(bundles.size()));
        if (fresh) bundles.push_back({case_of(a, b, c), case_of(a, c, b)});
        members[each.use].push_back(place->second);
      });
    }
    bundle_begin.push_back(static_cast<std::uint32_t>(bundles.size()));
  }
  member_begin.push_back(0);
  for (const auto& list : members) {
    member.insert(member.end(), list.begin(), list.end());
    member_begin.push_back(static_cast<std::uint32_t>(member.size()));
  }
}

}  // namespace affinis::taxonomy
