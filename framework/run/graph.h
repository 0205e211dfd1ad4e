#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/run/job.h"

namespace affinis::run {

/// Jobs and what they wait for. A job's identity hashes kind, the kind's version, spec and the inputs' identities: changing one setting
/// changes the identities of just what depends on it.
class JobGraph {
 public:
  /// Throws Error(kInternal) when the name is taken. Inputs may be added later.
  void add(Job job);

  const std::vector<Job>& jobs() const { return jobs_; }
  const Job& job(const std::string& name) const;
  bool contains(const std::string& name) const { return position_.contains(name); }

  /// Names so that each comes after its inputs (Boost.Graph); ties in order of addition. Throws Error(kConfig) on a cycle or an unknown
  /// input, naming the jobs.
  std::vector<std::string> order() const;
  /// Jobs by level: level 0 has no inputs, level n needs something of level n - 1.
  std::vector<std::vector<std::string>> levels() const;
  /// 32 hexadecimal digits for every job.
  std::map<std::string, std::string> identities(const JobKinds& kinds) const;

 private:
  std::vector<Job> jobs_;
  std::map<std::string, std::size_t> position_;
};

/// The folder of a job's result below the run's folder: "jobs/<name with '/' as '.'>-<first 12 digits of the identity>".
std::string job_folder_name(const Job& job, const std::string& identity);

}  // namespace affinis::run
