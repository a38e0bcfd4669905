// I2, I6, I9 on what leaves the orchestrator: pages that people were answered with, and commands for Devices.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/simulation/check/device_check.h"
#include "tests/simulation/check/facts.h"
#include "tests/simulation/check/log_reader.h"

namespace smki::simulation {

class OrchestratorCheck {
 public:
  // What a page said, kept for the end.
  struct Page {
    std::string incident, state;
    uint64_t entries = 0, sequence = 0;
    Digest head{};
    std::map<std::string, std::string> steps;  // status
    friend bool operator==(const Page&, const Page&) = default;
  };

  OrchestratorCheck(Facts& facts, DeviceCheck& devices) : facts_(facts), devices_(devices) {}

  void View(UtcTime now, const std::string& caller, const std::string& octets);
  void Deliver(UtcTime now, const std::string& octets);

  const std::vector<Page>& pages() const { return pages_; }
  // Pinned at opening, as pages say; empty: no page was seen.
  const std::map<std::string, Digest>& runbooks() const { return runbooks_; }

 private:
  struct CampaignLog {
    GrowingLog log{"campaign"};
    bool broken = false;
    std::map<std::pair<Eui64, uint32_t>, Digest> commands;
    std::set<Eui64> recovered;
  };
  // Takes in what of the incident's campaign log has become durable; null if campaigns are not looked at.
  const CampaignLog* Update(const std::string& incident);

  Facts& facts_;
  DeviceCheck& devices_;
  std::vector<Page> pages_;
  std::map<uint64_t, Digest> heads_;         // by number of entries
  std::map<std::string, uint64_t> seen_;     // by caller: entries
  std::map<std::string, Digest> runbooks_;   // by incident
  std::map<std::string, CampaignLog> logs_;  // by incident
};

}  // namespace smki::simulation
