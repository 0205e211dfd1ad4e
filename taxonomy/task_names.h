#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "taxonomy/transfer_table.h"

namespace affinis::taxonomy {

/// Which names mean the same task, so that tables and trees from different places can be laid side by side.
class TaskNames {
 public:
  /// The names under which Taskonomy's tasks are known: its task bank's (which are ours), the keys of its released results
  /// ("segmentsemantic_rb"), the folders of its data set ("depth_zbuffer") and those of the visualpriors package ("room_layout").
  static TaskNames dictionary();
  static TaskNames none() { return {}; }

  /// `alias` means `name`; takes the place of what it meant before.
  void add(const std::string& alias, const std::string& name) { names_[alias] = name; }
  /// Adds the rows of a csv file `alias,name`. A row whose name is its own alias takes that alias out of the dictionary.
  /// Throws Error(kIo), Error(kFormat) or Error(kData) with file and line: an empty cell, an alias twice.
  void add_file(const std::filesystem::path& path);

  /// The task's one name; the name itself when no alias says otherwise.
  std::string of(const std::string& name) const;

 private:
  std::map<std::string, std::string> names_;
};

/// The table under the tasks' one names; `self` stays. Throws Error(kData) that names both when two tasks of the table become one.
TransferTable renamed(const TransferTable& table, const TaskNames& names);

}  // namespace affinis::taxonomy
