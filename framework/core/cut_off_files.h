#pragma once

#include <filesystem>

namespace affinis {

/// Removes what a kill cut off while write_file_atomically() and its like were at work in the folder: the temporary files of processes that
/// are gone. Those of living processes stay, subfolders are not entered; what cannot be removed or read is passed over.
void remove_cut_off_files(const std::filesystem::path& folder);

}  // namespace affinis
