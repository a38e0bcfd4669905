#include "cli/watch.h"

#include <gtest/gtest.h>

namespace smki::cli {
namespace {

TEST(Watch, AnEventIsOneLineWhateverItsText) {
  recovery::v1::WatchEvent event;
  event.set_time_ms(ParseTime("2026-11-21T03:12:45Z")->ms);
  event.set_kind("incident.step-completed");
  event.set_person("lena.lead");
  event.set_text("report-received:\nseen\x1b[31m");
  EXPECT_EQ(EventLine(event, Style()), "03:12:45  step-completed        report-received: seen?[31m  lena.lead\n");
}

}  // namespace
}  // namespace smki::cli
