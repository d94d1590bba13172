// SPDX-License-Identifier: Apache-2.0
// tandemctl capture: what XDP forwards and drops, into a file; tcpdump cannot see it.
#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/interruption.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

void capture_options(po::options_description& named,
                     po::positional_options_description& positional) {
  const control::CaptureRequest defaults;
  named.add_options()("file", po::value<std::string>()->required(), "the file to write (pcapng)")(
      "filter", po::value<std::vector<std::string>>(),
      "which packets, as tcpdump takes it; default: all")(
      "count,c",
      po::value<std::uint64_t>()
          ->default_value(defaults.count)
          ->value_name("N")
          ->notifier(within("--count", 1, control::kMostCaptured)),
      "end after N packets")("seconds",
                             po::value<std::uint64_t>()
                                 ->default_value(defaults.seconds)
                                 ->value_name("S")
                                 ->notifier(within("--seconds", 1, control::kLongestCapture)),
                             "end after S seconds, at most 3600");
  positional.add("file", 1).add("filter", -1);
}

std::string joined_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

Called<Exit> run_capture(Session& session, const po::variables_map& options) {
  using Words = std::vector<std::string>;
  const control::CaptureRequest request{
      absolute_path(options["file"].as<std::string>()),
      joined_words(given<Words>(options, "filter").value_or(Words{})),
      options["count"].as<std::uint64_t>(), options["seconds"].as<std::uint64_t>()};
  const Interruption interruption([&session] {
    if (auto other = session.client.another(kCapture.patience))
      (void)other->call("capture-end", json::object());
  });
  return session.show("capture", request.to_json(), render_capture);
}

Duration capture_takes(const po::variables_map& options) {
  return std::chrono::seconds(options["seconds"].as<std::uint64_t>());
}

}  // namespace

std::string render_capture(const json& document, const Style& style) {
  const json& lost = document.at("lost");
  json warnings = json::array();
  if (lost != 0)
    warnings.push_back(number(lost) +
                       " more were lost, as they came faster than they were written");
  return "Captured " + number(document.at("packets")) + " packets in " +
         duration_text(document.at("seconds").get<double>()) + ", in " + text_at(document, "file") +
         "\n" + warning_lines(warnings, style);
}

const Command kCapture{
    "capture",
    "FILE [FILTER...]",
    "write what XDP forwards and drops to a file for Wireshark",
    "Writes packets that XDP forwarded, answered or dropped, which tcpdump does not see, to FILE\n"
    "in the pcapng format, with the reason of each. It ends after N packets or S seconds,\n"
    "whichever comes first, or at Ctrl-C. The daemon writes the file: it has to be able to.\n"
    "FILTER is in the language of tcpdump (pcap-filter(7)):\n"
    "\n"
    "  tandemctl capture /tmp/api.pcapng --seconds 60 tcp port 8080 and host 203.0.113.7\n",
    std::chrono::seconds(5),
    capture_options,
    run_capture,
    capture_takes,
};

}  // namespace tandem::ctl
