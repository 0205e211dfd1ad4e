#pragma once

namespace affinis::experiments {

/// The text of experiments/demo.toml, built in so that the program alone can run the demo.
extern const char* const kDemoFile;

}  // namespace affinis::experiments
