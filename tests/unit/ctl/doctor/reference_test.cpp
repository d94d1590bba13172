// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/reference.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "../../config/source_files.hpp"
#include "ctl/doctor/catalogue.hpp"
#include "ctl/doctor/finding.hpp"

namespace tandem::doctor {
namespace {

TEST(DoctorReference, IsWhatTheCatalogueSays) {
  std::ostringstream text;
  write_reference(text);
  EXPECT_EQ(text.str(), read_text(source_path("docs/doctor.md")))
      << "run build/src/tandem-reference doctor > docs/doctor.md";
}

TEST(DoctorReference, NamesEachCheckOnce) {
  std::set<std::string> names;
  Area area = catalogue().front().area;
  for (const Description& entry : catalogue()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_GE(entry.area, area) << entry.name << " stands among those of another area";
    area = entry.area;
  }
}

TEST(DoctorFindings, StandByAreaTheWorstFirst) {
  Findings findings;
  findings.good(Check::config_problems, "1", "");
  findings.add(Check::somaxconn, Severity::warning, "2", "");
  findings.good(Check::vrrp_peer, "3", "");
  findings.add(Check::vrrp_speakers, Severity::error, "4", "");
  findings.add(Check::vrrp_foreign, Severity::note, "5", "");
  std::string order;
  for (const Finding& finding : std::move(findings).take()) order += finding.subject;
  EXPECT_EQ(order, "45321");
}

}  // namespace
}  // namespace tandem::doctor
