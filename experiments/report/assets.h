#pragma once

namespace affinis::experiments {

/// The report's page, style and script, built in from report.html, report.css and report.js.
extern const char* const kReportHtml;
extern const char* const kReportCss;
extern const char* const kReportJs;
extern const char* const kReportVersion;

}  // namespace affinis::experiments
