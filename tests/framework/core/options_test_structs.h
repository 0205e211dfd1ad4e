#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "framework/core/options.h"

namespace affinis {

/// One field of every type.
struct EveryOptions {
  bool flip = true;
  std::int64_t epochs = 30;
  double learning_rate = 1e-3;
  double patience = std::numeric_limits<double>::infinity();
  std::string device = "cpu";
  std::string name = "a \"quoted\" name \\ with\nlines";
  std::vector<std::string> tasks = {"depth", "normals"};
  std::vector<std::int64_t> sizes = {64, 128};
  std::vector<double> weights = {0.1, 1, 2e-7};

  static const std::vector<OptionField>& fields() {
    static const std::vector<OptionField> table = {
        option("flip", &EveryOptions::flip, "whether images are mirrored"),
        option("epochs", &EveryOptions::epochs, "passes over the data",
               {.minimum = 1, .maximum = 1000}),
        option("learning_rate", &EveryOptions::learning_rate, "Adam's step size",
               {.minimum = 0, .maximum = 1}),
        option("patience", &EveryOptions::patience, "seconds without a gain", {.minimum = 0}),
        option("device", &EveryOptions::device, "where to compute",
               {.choices = {"cpu", "cuda"}, .affects_result = false}),
        option("name", &EveryOptions::name, "a | free name"),
        option("tasks", &EveryOptions::tasks, "what to learn",
               {.choices = {"depth", "normals", "edges"}}),
        option("sizes", &EveryOptions::sizes, "image sizes in pixels", {.minimum = 1}),
        option("weights", &EveryOptions::weights, "one a task", {.maximum = 10}),
    };
    return table;
  }

  friend bool operator==(const EveryOptions&, const EveryOptions&) = default;
};

struct OtherOptions {
  std::int64_t epochs = 2;
  std::int64_t workers = 1;

  static const std::vector<OptionField>& fields() {
    static const std::vector<OptionField> table = {
        option("epochs", &OtherOptions::epochs, "passes"),
        option("workers", &OtherOptions::workers, "processes", {.affects_result = false}),
    };
    return table;
  }

  friend bool operator==(const OtherOptions&, const OtherOptions&) = default;
};

}  // namespace affinis
