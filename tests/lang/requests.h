/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/lang/requests.h -- good requests of every kind, to be damaged by tests */
#ifndef SL_TESTS_REQUESTS_H
#define SL_TESTS_REQUESTS_H

__attribute__((unused))
static const char *const bases[] = {
	"(tcp) -80-> (untcp) > (ac) > (pcapout)",
	"(tcp)-80->(untcp)>(ac)",
	"(pcapin,expression=\"trace.pcap\") > (tcp) > (sourceport) -80-> (inspect)",
	"(pcapin, file=a.pcap, rotate=1h) > (bpf \"tcp port 80\") > (count)",
	"{ (rx eth0); (rx eth1) } > (tcp) -!22-> (pcapout)",
	"(rx eth0) > (tcp) -80,8080,8000..8010-> (untcp) > (ac rules=\"/etc/x.ac\") > (pcapout /tmp/a.pcap rotate=100MB)",
	"(rx eth0)@xdp > (web: tcp)@kernel? -80->[buffer=4MiB drop=oldest] (untcp) > (ac)@user[cpu=2] > (pcapout)",
	"web -443-> (sni) > (jsonout)",
	"(rx eth0)@xdp > (tcp) {\n  -80->   (untcp) > (http)\n  -443->  (sni)\n  -else-> (count) > (null)\n} > (jsonout -)\n",
	"use \"lib/http.srl\"\nlet iface = eth0\nset buffer=16MiB overflow=block\n"
	"def web(port=80, rules) {\n  in -$port-> (untcp) > (ac rules=$rules) > out\n  in -else-> out.rest\n}\n"
	"(rx $iface) > (tcp) > (w: web port=8080 rules=\"/etc/ids/web.ac\") > (pcapout \"/var/tmp/hits.pcap\")\n"
	"w -rest-> (count)\n",
	"(a) > j.left\n(b) > j.right\n(j: join key=flow) > (jsonout)\n",
	"(listen :8080) <> (log) <> (connect 10.0.0.5:80)",
	"(rx eth0) > (tcp) -80-> (untcp) > (ac)@host[name=ids2 transport=tls] > (pcapout)",
	"(pcapin trace.pcap) -> (tcp class=sport) -> (count) -> (null)",
	"(tcp) { -http-> (untcp) > (print style=hex); -*-> (count) } > (null)",
	"let rules = \"/etc/web rules.ac\"\nlet ports = [80, 443]\n(tcp) -$ports-> (ac $rules) -match-> (fileout dir=out)\n",
	"(pcapin 'my file.pcap') > (bpf 'host 10.0.0.1') -\"odd name\"-> (exec 'grep -v x')",
	"(rx eth0) > (ip) > (udp) -53,5353-> (head 10) > (print) # show a few\n",
	"def low(n=10) {\n\tin > (sample $n) > out\n}\n\n(pcapin a.pcap) > (low n=5) > (count)\n",
	"(pcapin a.pcap) > (tcp) {\n\t-80-> (untcp) {\n\t\t-gap-> (count)\n\t\t> (ac web.ac) > (pcapout hits.pcap)\n\t}\n\t-else-> (null)\n}\n",
	"set workers=4\nuse http\n(rx eth0) > (tcp) -8000..8999-> (regex \"a(b|c)*d\") > (count)",
	"{ (pcapin a.pcap); (pcapin b.pcap) } > (merge by=time) > (pcapout \"all.pcap\" format=pcapng)",
	"(tcp ports=[80, 443, 8080]) -ok-> (fileout dir=/tmp/x) ; (icmp) > (count)",
	"(rx eth0) >\n  (tcp) -80->\n  (untcp)\n  > (grep \"password=\" invert=on)\n  > (jsonout \"-\")\n",
	"(pcapin x.pcap) > (ip) { -tcp-> (tcp) -443-> (count); -udp-> (udp) { -53-> (print); -else-> (null) } }",
	"(exec \"zcat log.gz | head\") > (grep \"error: (fatal)\" hold=2MiB) > (print style=byline)",
	"let f = \"a b.pcap\"   # the file\n(pcapin $f) > (tcp) -!22,!80->[drop=newest] (sample 100) > (jsonout)",
	"{(pcapin a.pcap);(pcapin b.pcap)}>(tcp)-80->(ac web.ac)-match->(jsonout)",
	"(a: tcp)@user[cpu=[2,3]] > (untcp timeout=5s) > a2.left",
	"(bpf 'tcp[13] & 2 != 0') > (count)\n\n# second\n(icmp) > (null)\n",
};

#endif
