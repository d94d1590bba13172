# SPDX-License-Identifier: Apache-2.0
# What the machine of test_pci.py does: brings the node and its neighbours up, tries what the test
# wants to know, and says how it went on the second serial line, as TAP.
#
#                         node: tandemd
#     client  --- front ---  0000:01:00.0 (e1000e)
#                            0000:00:06.0 (virtio) --- back ---  backend
#     192.0.2.10             192.0.2.2, 198.51.100.2             198.51.100.21
mkdir -p /tmp /run/netns /run/tandem /var /dev/hugepages /dev/net
exec 3>/dev/ttyS1 4<>/dev/ttyS2
stty -F /dev/ttyS1 raw
# The line has echoed the monitor's greeting by now, which an empty line ends.
stty -F /dev/ttyS2 raw -echo
echo >&4
number=0
try() { # "what", command...
	number=$((number + 1))
	what=$1
	shift
	if "$@" >/tmp/out 2>&1; then
		echo "ok $number - $what" >&3
	else
		echo "not ok $number - $what" >&3
		head -n 20 /tmp/out | sed 's/^/# /' >&3
		tail -n 20 /tmp/tandemd.log | sed 's/^/# tandemd: /' >&3
	fi
}
within() { # seconds, command...
	end=$(($(date +%s) + $1))
	shift
	until "$@" >/tmp/last 2>&1; do
		[ "$(date +%s)" -lt $end ] || { cat /tmp/last; return 1; }
		sleep 0.2
	done
}
says() { grep -F -- "$1" "$2" || { cat "$2"; return 1; }; }

mount -t bpf bpf /sys/fs/bpf
mount -t hugetlbfs hugetlbfs /dev/hugepages
ln -s /run /var/run
/bin/ip link set lo up
sysctl -q -w net.ipv4.ip_forward=1
device() { ls /sys/bus/pci/devices/$1/virtio*/net; }
neighbour() { # name, PCI address, its address, gateway
	/bin/ip netns add $1
	/bin/ip link set "$(device $2)" netns $1 name eth0
	/bin/ip -n $1 link set lo up
	/bin/ip -n $1 link set eth0 up
	/bin/ip -n $1 address add $3/24 dev eth0
	/bin/ip -n $1 route add default via $4
}
neighbour client 0000:00:07.0 192.0.2.10 192.0.2.2
neighbour backend 0000:00:08.0 198.51.100.21 198.51.100.2
in_backend() { /bin/ip netns exec backend "$@"; }
in_client() { /bin/ip netns exec client "$@"; }
for place in backend node; do mkdir -p /www/$place; echo $place >/www/$place/index.html; done
in_backend httpd -p 8080 -h /www/backend
httpd -p 80 -h /www/node

# ---- What is missing, and how it is said
check() { tandemd -c /node.toml --check >/tmp/check; [ $? = 1 ]; }
try "a card without a driver" check
try "is said with the command that binds it" \
	says "dpdk-devbind.py --bind=vfio-pci 0000:01:00.0" /tmp/check
try "and a card that is the kernel's, with its driver and interface" \
	says "0000:00:06.0 is the kernel's (driver virtio-pci, as eth" /tmp/check
for card in 0000:01:00.0 0000:00:06.0; do
	echo vfio-pci >/sys/bus/pci/devices/$card/driver_override
	[ -e /sys/bus/pci/devices/$card/driver ] && echo $card >/sys/bus/pci/devices/$card/driver/unbind
	echo $card >/sys/bus/pci/drivers_probe
done
try "bound to vfio-pci, both pass the check" tandemd -c /node.toml --check

# ---- A node with two cards
tandemd -c /node.toml >/tmp/tandemd.log 2>&1 &
daemon=$!
state() { tandemctl vrrp | grep -q "$1"; }
active() { kill -0 $daemon && state Active; }
try "becomes Active" within 120 active
try "its own address answers" in_client ping -c 2 -W 5 192.0.2.2
try "the virtual address is asked for by ARP" in_client arping -c 2 -w 5 -I eth0 192.0.2.100
try "and pinged" in_client ping -c 2 -W 5 192.0.2.100
get() { # port, answer
	printf 'GET / HTTP/1.0\r\n\r\n' | in_client nc -w 5 192.0.2.100 $1 >/tmp/got
	says $2 /tmp/got
}
try "a local service is the node's own" get 80 node
try "a backend behind the other card answers through nat" within 15 get 8080 backend
forwarded() { tandemctl status --json | grep -E '"tx/forward": *[1-9]'; }
try "by a worker" forwarded

# ---- What goes wrong
echo "set_link front-0 off" >&4
try "without a link: Fault" within 15 state Fault
echo "set_link front-0 on" >&4
try "with one again: Active" within 15 state Active
try "and it serves" within 10 get 8080 backend
echo "device_del front-0" >&4
try "a card that is pulled out: Fault" within 20 state Fault
why() { tandemctl status >/tmp/status && says "front: 0000:01:00.0 was unplugged" /tmp/status; }
try "and status tells why" within 5 why
try "the rest goes on" in_backend ping -c 2 -W 5 198.51.100.2
kill $daemon
try "it ends by itself" wait $daemon
echo "1..$number" >&3
