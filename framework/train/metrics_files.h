#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "framework/train/trainer.h"

namespace affinis::train {

/// A point of the curve with all that is written of it.
struct MetricsRecord {
  CurvePoint point;
  double epoch = 0;      ///< passes done, with the share of the present one
  double seconds = 0;    ///< training time so far, over all sittings
  double wall_time = 0;  ///< seconds since 1970
  std::vector<double> train_losses;       ///< per head, mean since the last point; NaN without a label
  std::vector<double> validation_losses;  ///< per head
  double adversarial_loss = std::numeric_limits<double>::quiet_NaN();    ///< mean since the last point; NaN without an adversary
  double discriminator_loss = std::numeric_limits<double>::quiet_NaN();  ///< likewise
};

/// metrics.csv, metrics.jsonl and a TensorBoard event file. Each is a function of the records so far, so that a resumed training writes
/// them anew up to its checkpoint: no line is lost and none is there twice.
class MetricsFiles {
 public:
  /// `started` (seconds since 1970) is what the event file's header says: it stays the same over all sittings. With `adversary` there are
  /// columns for its losses. An empty folder in `outputs` makes an object that writes nothing.
  MetricsFiles(const TrainerOutputs& outputs, std::vector<std::string> tasks, std::int64_t started, std::span<const MetricsRecord> past,
               bool adversary = false);

  /// Throws Error(kIo) naming the file.
  void append(const MetricsRecord& record);

 private:
  struct File {
    std::filesystem::path path;
    std::ofstream stream;
  };

  std::string csv_header() const;
  std::string csv_line(const MetricsRecord& record) const;
  std::string json_line(const MetricsRecord& record) const;
  std::string event(const MetricsRecord& record) const;
  void write(File& file, const std::string& text);

  std::vector<std::string> tasks_;
  bool adversary_;
  File csv_;
  File json_;
  File events_;
};

}  // namespace affinis::train
