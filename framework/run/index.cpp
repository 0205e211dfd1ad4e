#include "framework/run/index.h"

#include <cmath>
#include <initializer_list>
#include <optional>
#include <utility>
#include <variant>

#include <sqlite3.h>

#include "framework/core/error.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

constexpr int kVersion = 1;

constexpr const char* kSchema = R"(
  CREATE TABLE jobs (
    name TEXT PRIMARY KEY, identity TEXT NOT NULL, kind TEXT NOT NULL, stage TEXT NOT NULL, folder TEXT NOT NULL,
    state TEXT NOT NULL, cost REAL, seconds REAL, error TEXT, spec TEXT NOT NULL);
  CREATE TABLE metrics (name TEXT NOT NULL, metric TEXT NOT NULL, value REAL, PRIMARY KEY (name, metric));
  CREATE VIEW costs AS
    SELECT stage, count(*) AS jobs, sum(seconds) AS seconds, sum(cost) AS cost FROM jobs WHERE state = 'done' GROUP BY stage;
  PRAGMA user_version = 1;
)";

using Value = std::variant<std::nullptr_t, double, std::string>;

Value number(double value) { return std::isfinite(value) ? Value(value) : Value(nullptr); }

std::string text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Nothing when the index cannot be read.
std::optional<std::vector<MeasuredJob>> measured_by_index(const fs::path& folder) {
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  std::vector<MeasuredJob> jobs;
  int state = sqlite3_open_v2((folder / "index.sqlite").c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
  if (state == SQLITE_OK) {
    state = sqlite3_prepare_v2(database, "SELECT kind, spec, seconds FROM jobs WHERE state = 'done'", -1, &statement,
                               nullptr);
  }
  const auto column = [&](int at) {
    const unsigned char* words = sqlite3_column_text(statement, at);
    return std::string(words ? reinterpret_cast<const char*>(words) : "");
  };
  if (state == SQLITE_OK) {
    while ((state = sqlite3_step(statement)) == SQLITE_ROW) {
      nlohmann::json spec = nlohmann::json::parse(column(1), nullptr, false);
      if (!spec.is_discarded()) jobs.push_back({column(0), std::move(spec), sqlite3_column_double(statement, 2)});
    }
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  if (state != SQLITE_DONE) return std::nullopt;
  return jobs;
}

}  // namespace

std::vector<MeasuredJob> measured_jobs(const fs::path& folder) {
  if (auto jobs = measured_by_index(folder); jobs && !jobs->empty()) return std::move(*jobs);
  std::vector<MeasuredJob> jobs;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "jobs", error)) {
    if (const auto result = read_result(entry.path())) jobs.push_back({result->kind, result->spec, result->seconds});
  }
  return jobs;
}

class Index::Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    if (sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr) != SQLITE_OK)
      statement_ = nullptr;
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Binds the values in order and runs to the end.
  bool run(std::initializer_list<Value> values) {
    if (!statement_) return false;
    int at = 0;
    for (const Value& value : values) {
      ++at;
      if (const double* real = std::get_if<double>(&value)) {
        sqlite3_bind_double(statement_, at, *real);
      } else if (const std::string* words = std::get_if<std::string>(&value)) {
        sqlite3_bind_text(statement_, at, words->data(), static_cast<int>(words->size()),
                          SQLITE_TRANSIENT);
      } else {
        sqlite3_bind_null(statement_, at);
      }
    }
    return sqlite3_step(statement_) == SQLITE_DONE;
  }

  /// The first column of the first row.
  std::string first() {
    if (!statement_ || sqlite3_step(statement_) != SQLITE_ROW) return {};
    const unsigned char* words = sqlite3_column_text(statement_, 0);
    return words ? reinterpret_cast<const char*>(words) : "";
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

Index::Index(const fs::path& folder, const fs::path& jobs, Logger& logger) : logger_(logger) {
  const fs::path path = folder / "index.sqlite";
  std::error_code error;
  const bool existed = fs::exists(path, error);
  if (existed && open(path)) return;
  close();
  if (existed)
    logger.warning("{} was damaged or of another version: it is built again from the results",
                   path.string());
  for (const char* suffix : {"", "-journal", "-wal", "-shm"})
    fs::remove(path.string() + suffix, error);
  check(open(path) && fill_from(jobs));
}

Index::~Index() {
  commit();
  close();
}

bool Index::open(const fs::path& path) {
  if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) return false;
  constexpr int kPatienceMilliseconds = 2000;
  sqlite3_busy_timeout(database_, kPatienceMilliseconds);
  // A power cut may damage the file; it is built again then.
  if (!run("PRAGMA synchronous = OFF")) return false;
  const std::string version = Statement(database_, "PRAGMA user_version").first();
  if (version == "0") {
    return Statement(database_, "SELECT count(*) FROM sqlite_master").first() == "0" &&
           run("BEGIN") && run(kSchema) && run("COMMIT");
  }
  return version == std::to_string(kVersion) &&
         Statement(database_, "PRAGMA quick_check").first() == "ok" &&
         Statement(database_,
                   "SELECT count(*) FROM sqlite_master WHERE name IN ('jobs', 'metrics', 'costs')")
                 .first() == "3";
}

void Index::close() {
  sqlite3_close(database_);
  database_ = nullptr;
  in_transaction_ = false;
}

bool Index::run(const char* sql) {
  return sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

bool Index::fill_from(const fs::path& jobs) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(jobs, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".partial") || name.find(".damaged-") != std::string::npos) continue;
    if (const auto result = read_result(entry.path())) done(*result, "jobs/" + name, std::nan(""));
  }
  commit();
  return database_ != nullptr;
}

void Index::check(bool worked) {
  if (worked) return;
  logger_.warning(
      "index.sqlite cannot be written ({}): the run goes on without it, the next one builds it "
      "again",
      database_ ? sqlite3_errmsg(database_) : "no database");
  close();
}

void Index::done(const JobResult& result, const std::string& job_folder, double cost) {
  if (!database_) return;
  if (!in_transaction_) in_transaction_ = run("BEGIN");
  bool worked =
      Statement(database_,
                "INSERT OR REPLACE INTO jobs (name, identity, kind, stage, folder, state, cost, "
                "seconds, error, spec) "
                "VALUES (?, ?, ?, ?, ?, 'done', ?, ?, NULL, ?)")
          .run({result.name, result.identity, result.kind,
                Job{.kind = {}, .name = result.name, .spec = {}, .inputs = {}, .group = {}}.stage(),
                job_folder, number(cost), number(result.seconds), text(result.spec)}) &&
      Statement(database_, "DELETE FROM metrics WHERE name = ?").run({result.name});
  for (const auto& [metric, value] : result.metrics) {
    worked =
        worked && Statement(database_, "INSERT INTO metrics (name, metric, value) VALUES (?, ?, ?)")
                      .run({result.name, metric, number(value)});
  }
  check(worked);
}

void Index::not_done(const Job& job, const std::string& identity, const std::string& job_folder,
                     const std::string& state, const std::string& error) {
  if (!database_) return;
  if (!in_transaction_) in_transaction_ = run("BEGIN");
  check(Statement(database_,
                  "INSERT OR REPLACE INTO jobs (name, identity, kind, stage, folder, state, cost, "
                  "seconds, error, spec) "
                  "VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?)")
            .run({job.name, identity, job.kind, job.stage(), job_folder, state, number(job.cost),
                  error, text(job.spec)}) &&
        Statement(database_, "DELETE FROM metrics WHERE name = ?").run({job.name}));
}

void Index::commit() {
  if (!database_ || !in_transaction_) return;
  in_transaction_ = false;
  check(run("COMMIT"));
}

}  // namespace affinis::run
