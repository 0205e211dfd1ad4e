#pragma once

namespace affinis::experiments {

/// The files of experiments/plugins/templates, built in so that the program alone writes a plug-in project. The sources are a plug-in that
/// works as it is, for a task called new_task with the class NewTask.
extern const char* const kDenseTemplate;
extern const char* const kSegmentationTemplate;
extern const char* const kClassificationTemplate;
extern const char* const kRegressionTemplate;
extern const char* const kPairTemplate;
extern const char* const kTripletTemplate;
extern const char* const kProjectTemplate;
extern const char* const kReadmeTemplate;

}  // namespace affinis::experiments
