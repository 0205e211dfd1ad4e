#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <tbb/parallel_for.h>

#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/data/store.h"

namespace affinis::data {
namespace {

/// Values outside the declared range: how many, and one of them.
struct Strays {
  std::int64_t count = 0;
  double example = 0;
};

template <typename T>
Strays find_strays(const FieldValue& value, double maximum) {
  const FieldSpec& spec = *value.spec;
  const std::span<const T> elements = value.as<T>();
  Strays strays;
  for (const T element : elements) {
    const auto number = static_cast<double>(element);
    // Written so that NaN is outside.
    const bool inside = number >= spec.minimum && number <= maximum;
    if (inside || (spec.invalid && number == *spec.invalid)) continue;
    if (strays.count++ == 0) strays.example = number;
  }
  return strays;
}

Strays find_strays(const FieldValue& value, double maximum) {
  switch (value.spec->type) {
    case ElementType::kU8: return find_strays<std::uint8_t>(value, maximum);
    case ElementType::kU16: return find_strays<std::uint16_t>(value, maximum);
    case ElementType::kI32: return find_strays<std::int32_t>(value, maximum);
    case ElementType::kF32: return find_strays<float>(value, maximum);
    case ElementType::kF64: return find_strays<double>(value, maximum);
  }
  return {};
}

/// What is wrong with the values of one field of one sample; empty when nothing is.
std::string value_problem(const FieldValue& value, const Vocabularies& vocabularies) {
  const FieldSpec& spec = *value.spec;
  double maximum = spec.maximum;
  const auto vocabulary = vocabularies.find(spec.vocabulary);
  const bool labels = vocabulary != vocabularies.end();
  if (labels) maximum = std::min(maximum, static_cast<double>(vocabulary->second.size()) - 1);
  const Strays strays = find_strays(value, maximum);
  if (strays.count == 0) return {};
  const std::string amount = strays.count == 1 ? fmt::format("value {}", strays.example)
                                               : fmt::format("{} values (the first is {})", strays.count, strays.example);
  if (labels) return fmt::format("{} outside the {} labels of vocabulary '{}'", amount, vocabulary->second.size(), spec.vocabulary);
  return fmt::format("{} outside [{}, {}]", amount, spec.minimum, maximum);
}

std::vector<StoreProblem> store_problems(const Store& store) {
  std::vector<StoreProblem> problems;
  const StoreInfo& info = store.info();
  if (store.size() == 0) problems.push_back({"", "", "there is no sample in it"});
  for (const std::string& name : info.fields) {
    const std::string& vocabulary = field_spec(name).vocabulary;
    if (!vocabulary.empty() && !info.vocabularies.contains(vocabulary)) {
      problems.push_back({"", name, fmt::format("the store has no vocabulary '{}', so its labels have no names", vocabulary)});
    }
  }
  std::set<std::string> names;
  for (std::int64_t i = 0; i < store.size(); ++i) {
    if (!names.insert(store.key(i).name()).second) problems.push_back({store.key(i).name(), "", "it is there twice"});
  }
  return problems;
}

std::vector<StoreProblem> sample_problems(const Store& store, std::int64_t index) {
  std::vector<StoreProblem> problems;
  for (const std::string& name : store.info().fields) {
    try {
      const Sample sample = store.read(index, std::array{name});
      const std::string what = value_problem(sample.field(name), store.info().vocabularies);
      if (!what.empty()) problems.push_back({store.key(index).name(), name, what});
    } catch (const Error& error) {
      problems.push_back({store.key(index).name(), name, error.what()});
    }
  }
  return problems;
}

}  // namespace

std::vector<StoreProblem> Store::check(Logger& logger) const {
  std::vector<StoreProblem> problems = store_problems(*this);
  std::vector<std::vector<StoreProblem>> found(static_cast<std::size_t>(size()));
  Progress progress(logger, fmt::format("checking {}", path().filename().string()), static_cast<double>(size()));
  tbb::parallel_for(std::int64_t{0}, size(), [&](std::int64_t i) {
    found[static_cast<std::size_t>(i)] = sample_problems(*this, i);
    progress.advance();
  });
  for (std::vector<StoreProblem>& each : found) std::move(each.begin(), each.end(), std::back_inserter(problems));
  return problems;
}

}  // namespace affinis::data
