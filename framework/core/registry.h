#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis {

/// Named things with aliases: tasks, balancers, networks, job kinds. Filled by explicit calls (never by static initialisers, which a
/// linker drops from static libraries); names are unique over names and aliases together.
///
///     Registry<Balancer> balancers("balancer");
///     balancers.add("uncertainty", {"kendall"}, make_uncertainty());
///     balancers.get("kendall");
template <typename Entry>
class Registry {
 public:
  /// `what` names the kind of entry in error sentences ("task").
  explicit Registry(std::string what) : what_(std::move(what)) {}

  /// Throws Error(kUsage) when a name or alias is taken; the registry is unchanged then.
  void add(const std::string& name, const std::vector<std::string>& aliases, std::shared_ptr<Entry> entry) {
    std::vector<std::string> all = aliases;
    all.push_back(name);
    for (const std::string& each : all) {
      const auto taken = by_any_name_.find(each);
      AFFINIS_CHECK(taken == by_any_name_.end(), ErrorCode::kUsage,
                    "the {} name '{}' of '{}' is already taken by '{}'; rename one of them", what_, each, name, taken->second);
    }
    for (const std::string& each : all) by_any_name_[each] = name;
    entries_[name] = std::move(entry);
  }

  /// The entry with this name or alias; null when there is none.
  std::shared_ptr<Entry> find(std::string_view name) const {
    const auto it = by_any_name_.find(std::string(name));
    return it == by_any_name_.end() ? nullptr : entries_.at(it->second);
  }

  /// As find(), but throws Error(kUsage) with the nearest names.
  std::shared_ptr<Entry> get(std::string_view name) const {
    std::shared_ptr<Entry> entry = find(name);
    if (entry) return entry;
    std::vector<std::string> known;
    for (const auto& [any, canonical] : by_any_name_) known.push_back(any);
    const std::string hint = did_you_mean(name, known);
    fail(ErrorCode::kUsage, "there is no {} named '{}'{}", what_, name,
         hint.empty() ? "; the names are " + join(names(), ", ") : hint);
  }

  /// Canonical names, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& [name, entry] : entries_) result.push_back(name);
    return result;
  }

  /// Takes an entry out again (tests put doubles in and out).
  void remove(const std::string& name) {
    entries_.erase(name);
    std::erase_if(by_any_name_, [&](const auto& item) { return item.second == name; });
  }

 private:
  std::string what_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  std::map<std::string, std::string> by_any_name_;
};

}  // namespace affinis
