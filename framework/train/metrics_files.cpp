#include "framework/train/metrics_files.h"

#include <cerrno>
#include <cmath>
#include <cstring>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/train/event_file.h"

namespace affinis::train {
namespace {

// TensorBoard asks for "tfevents" alone; without time and host in it the name says what the file is, whenever and wherever it was written.
constexpr const char* kEventName = "events.out.tfevents.affinis";
// What earlier versions wrote had the time in between.
constexpr const char* kEventPrefix = "events.out.tfevents.";
constexpr const char* kEventSuffix = ".affinis";

std::string cell(double value) { return std::isnan(value) ? std::string() : fmt::format("{}", value); }

nlohmann::json json_number(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(); }

void remove_other_event_files(const std::filesystem::path& folder, const std::filesystem::path& keep) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kEventPrefix) && name.ends_with(kEventSuffix) && entry.path() != keep) std::filesystem::remove(entry.path());
  }
}

}  // namespace

MetricsFiles::MetricsFiles(const TrainerOutputs& outputs, std::vector<std::string> tasks, std::int64_t started,
                           std::span<const MetricsRecord> past, bool adversary)
    : tasks_(std::move(tasks)), adversary_(adversary) {
  if (outputs.folder.empty()) return;
  const auto begin = [](File& file, std::filesystem::path path, const std::string& text) {
    write_file_atomically(path, text);
    file.stream.open(path, std::ios::binary | std::ios::app);
    AFFINIS_CHECK(file.stream.is_open(), ErrorCode::kIo, "cannot open {} for writing: {}", path.string(), std::strerror(errno));
    file.path = std::move(path);
  };
  std::string csv = csv_header();
  std::string json;
  std::string events = event_file_header(static_cast<double>(started));
  for (const MetricsRecord& record : past) {
    csv += csv_line(record);
    json += json_line(record);
    events += event(record);
  }
  begin(csv_, outputs.folder / "metrics.csv", csv);
  begin(json_, outputs.folder / "metrics.jsonl", json);
  if (!outputs.tensorboard) return;
  const std::filesystem::path path = outputs.folder / kEventName;
  remove_other_event_files(outputs.folder, path);
  begin(events_, path, events);
}

void MetricsFiles::append(const MetricsRecord& record) {
  if (csv_.stream.is_open()) write(csv_, csv_line(record));
  if (json_.stream.is_open()) write(json_, json_line(record));
  if (events_.stream.is_open()) write(events_, event(record));
}

std::string MetricsFiles::csv_header() const {
  std::string header = "step,epoch,train_loss,validation_loss,learning_rate";
  if (tasks_.size() > 1) {
    for (const std::string& task : tasks_) header += fmt::format(",train_loss/{0},validation_loss/{0}", task);
  }
  if (adversary_) header += ",adversarial_loss,discriminator_loss";
  return header + "\n";
}

std::string MetricsFiles::csv_line(const MetricsRecord& record) const {
  std::string line = fmt::format("{},{},{},{},{}", record.point.step, cell(record.epoch), cell(record.point.train_loss),
                                 cell(record.point.validation_loss), cell(record.point.learning_rate));
  if (tasks_.size() > 1) {
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      line += "," + cell(record.train_losses[t]) + "," + cell(record.validation_losses[t]);
    }
  }
  if (adversary_) line += "," + cell(record.adversarial_loss) + "," + cell(record.discriminator_loss);
  return line + "\n";
}

std::string MetricsFiles::json_line(const MetricsRecord& record) const {
  nlohmann::json line = {{"step", record.point.step},
                         {"epoch", record.epoch},
                         {"train_loss", json_number(record.point.train_loss)},
                         {"validation_loss", json_number(record.point.validation_loss)},
                         {"learning_rate", record.point.learning_rate},
                         {"seconds", record.seconds},
                         {"time", record.wall_time}};
  for (std::size_t t = 0; t < tasks_.size(); ++t) {
    line["tasks"][tasks_[t]] = {{"train_loss", json_number(record.train_losses[t])},
                                {"validation_loss", json_number(record.validation_losses[t])}};
  }
  if (adversary_) {
    line["adversarial_loss"] = json_number(record.adversarial_loss);
    line["discriminator_loss"] = json_number(record.discriminator_loss);
  }
  return line.dump() + "\n";
}

std::string MetricsFiles::event(const MetricsRecord& record) const {
  std::vector<ScalarTag> scalars;
  const auto add = [&](std::string tag, double value) {
    if (!std::isnan(value)) scalars.emplace_back(std::move(tag), value);
  };
  add("loss/train", record.point.train_loss);
  add("loss/validation", record.point.validation_loss);
  add("loss/adversarial", record.adversarial_loss);
  add("loss/discriminator", record.discriminator_loss);
  add("learning_rate", record.point.learning_rate);
  if (tasks_.size() > 1) {
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      add(tasks_[t] + "/train", record.train_losses[t]);
      add(tasks_[t] + "/validation", record.validation_losses[t]);
    }
  }
  return scalar_record(record.wall_time, record.point.step, scalars);
}

void MetricsFiles::write(File& file, const std::string& text) {
  file.stream << text << std::flush;
  AFFINIS_CHECK(file.stream.good(), ErrorCode::kIo, "cannot write to {}: {}", file.path.string(), std::strerror(errno));
}

}  // namespace affinis::train
