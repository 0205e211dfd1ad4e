#include "taxonomy/task_names.h"

#include <array>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"

namespace affinis::taxonomy {
namespace {

const std::array<std::string, 2> kNameColumns = {"alias", "name"};

}  // namespace

TaskNames TaskNames::dictionary() {
  const std::vector<std::pair<std::string, std::vector<std::string>>> tasks = {
      {"autoencoder", {"autoencoding"}},
      {"class_1000", {"class_object"}},
      {"class_places", {"class_scene"}},
      {"curvature", {"principal_curvature"}},
      {"denoise", {"denoising"}},
      {"edge2d", {"edge_texture"}},
      {"edge3d", {"edge_occlusion"}},
      {"ego_motion", {"egomotion"}},
      {"fix_pose", {"fixated_pose"}},
      {"inpainting_whole", {"impainting_whole", "inpainting"}},
      {"keypoint2d", {"keypoints2d"}},
      {"keypoint3d", {"keypoints3d"}},
      {"non_fixated_pose", {"nonfixated_pose"}},
      {"point_match", {"point_matching"}},
      {"reshade", {"reshading"}},
      {"rgb2depth", {"depth_zbuffer"}},
      {"rgb2mist", {"depth_euclidean"}},
      {"rgb2sfnorm", {"normal"}},
      {"segment25d", {"segment_unsup25d"}},
      {"segment2d", {"segment_unsup2d"}},
      {"segmentsemantic", {"segmentsemantic_rb", "segment_semantic"}},
      {"vanishing_point", {"vanishing_point_well_defined"}},
  };
  TaskNames names;
  for (const auto& [name, aliases] : tasks) {
    for (const std::string& alias : aliases) names.add(alias, name);
  }
  return names;
}

void TaskNames::add_file(const std::filesystem::path& path) {
  const std::string file = path.string();
  const std::string text = read_file(path);
  std::vector<std::size_t> columns;
  std::map<std::string, std::int64_t> lines;
  for_each_record(text, file, [&](const CsvRecord& record) {
    if (columns.empty()) {
      columns = find_columns(record, kNameColumns, file);
      return;
    }
    const std::string alias = trim(record.fields[columns[0]]);
    const std::string name = trim(record.fields[columns[1]]);
    AFFINIS_CHECK(!alias.empty() && !name.empty(), ErrorCode::kData, "{} line {}: the {} is empty", file, record.line,
                  alias.empty() ? "alias" : "name");
    const auto [earlier, fresh] = lines.emplace(alias, record.line);
    AFFINIS_CHECK(fresh, ErrorCode::kData, "{} line {}: the alias '{}' stands in line {} already; remove one of the two", file, record.line,
                  alias, earlier->second);
    add(alias, name);
  });
}

std::string TaskNames::of(const std::string& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? name : found->second;
}

TransferTable renamed(const TransferTable& table, const TaskNames& names) {
  std::map<std::string, std::string> origins;
  for (const std::string& task : table.tasks()) {
    const auto [other, fresh] = origins.emplace(names.of(task), task);
    AFFINIS_CHECK(fresh, ErrorCode::kData, "{}: '{}' and '{}' are both names of the task '{}'; tell them apart in a file for --names",
                  table.name, other->second, task, other->first);
  }
  TransferTable result = table;
  for (TransferRow& row : result.rows) {
    row.target = names.of(row.target);
    if (row.is_self()) continue;
    for (std::string& source : row.sources) source = names.of(source);
  }
  return result;
}

}  // namespace affinis::taxonomy
