#pragma once

namespace affinis::experiments {

/// The report's page, style and script, built in from the files in page/.
extern const char* const kReportHtml;
extern const char* const kReportCss;
extern const char* const kReportJs;
extern const char* const kReportVersion;

}  // namespace affinis::experiments
