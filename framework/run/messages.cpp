#include "framework/run/messages.h"

#include "framework/core/error.h"

namespace affinis::run {

nlohmann::json to_json(const RunMessage& message) {
  const Job& job = message.job;
  nlohmann::json value = {{"run", job.name},
                          {"kind", job.kind},
                          {"spec", job.spec},
                          {"order", job.inputs},
                          {"group", job.group},
                          {"cost", job.cost},
                          {"manner", job.manner},
                          {"identity", message.identity},
                          {"folder", message.folder},
                          {"inputs", message.inputs}};
  if (message.memory_gib) value["memory_gib"] = *message.memory_gib;
  return value;
}

RunMessage run_message_from_json(const nlohmann::json& value) {
  try {
    RunMessage message;
    message.job = {value.at("kind").get<std::string>(),
                   value.at("run").get<std::string>(),
                   value.at("spec"),
                   value.at("order").get<std::vector<std::string>>(),
                   value.at("group").get<std::string>(),
                   value.at("cost").get<double>(),
                   value.at("manner")};
    message.identity = value.at("identity").get<std::string>();
    message.folder = value.at("folder").get<std::string>();
    message.inputs = value.at("inputs").get<std::map<std::string, std::string>>();
    if (value.contains("memory_gib")) message.memory_gib = value.at("memory_gib").get<double>();
    return message;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::kFormat, "a message to a worker is no job: {}", error.what());
  }
}

}  // namespace affinis::run
